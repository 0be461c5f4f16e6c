using System.CommandLine;
using System.Text.Json;
using Nixl.Sdk.Samples.Model;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary><c>demo</c>: starts both engines, serves prompts, compares with one monolithic engine.</summary>
internal static class DemoCommand
{
    internal static Command Create()
    {
        var prompt = new Option<string?>("--prompt") { Description = "The prompt of every request; without it, a few of the program's own." };
        var requests = new Option<int?>("--requests") { Description = "Requests, all in flight at once. [8, or 1 with --prompt]" };
        var tokens = CommonOptions.Positive("--max-new-tokens", "Longest answer.", 96);
        var json = new Option<bool>("--json") { Description = "The last line of stdout is one JSON object." };
        requests.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int?>() is < 1 or > 10_000) result.AddError("--requests must be from 1 to 10000.");
        });
        var common = new CommonOptions();
        var command = new Command("demo", "Starts a prefill and a decode engine, serves prompts through them and compares every token with one monolithic engine.")
        {
            prompt, requests, tokens, json,
        };
        common.AddTo(command);
        command.SetAction((parse, cancellation) =>
        {
            var own = parse.GetValue(prompt);
            var options = new DemoOptions(
                common.TransportOf(parse), DemoPrompts.Choose(own, parse.GetValue(requests) ?? (own is null ? 8 : 1)), parse.GetValue(tokens),
                common.SeedOf(parse), parse.GetValue(common.Blocks), common.ModelOf(parse), common.TimeoutOf(parse), parse.GetValue(json),
                parse.GetValue(common.Verbose));
            return RunAsync(options, cancellation);
        });
        return command;
    }

    /// <returns>0: all tokens identical and everything as claimed; 1: not; 2: an engine failed or did not answer; 130: cancelled.</returns>
    private static async Task<int> RunAsync(DemoOptions options, CancellationToken cancellation)
    {
        try
        {
            using var model = ModelHandle.Load(options.Model);
            var console = new DemoConsole(Console.Out, options.Prompts.Count);
            DemoReport report;
            await using (var session = new DemoSession(options, model, console, cancellation))
            {
                await session.StartAsync();
                var requests = await session.ServeAsync();
                await session.CountAsync();
                report = DemoJudge.Judge(options, session, requests, model, cancellation);
            }
            console.Counted(report);
            if (options.Json) console.Line(JsonSerializer.Serialize(report, DemoReportJson.Default.DemoReport));
            return report.Problems.Count == 0 ? 0 : 1;
        }
        catch (Exception e) when (cancellation.IsCancellationRequested && (e is OperationCanceledException or EngineFailedException))
        {
            await Console.Error.WriteLineAsync("\nCancelled; the engines have stopped.");
            return 130;
        }
        catch (Exception e) when (e is EngineFailedException or TimeoutException or ModelFormatException or IOException)
        {
            await Console.Error.WriteLineAsync($"\nerror: {e.Message}");
            return 2;
        }
    }
}
