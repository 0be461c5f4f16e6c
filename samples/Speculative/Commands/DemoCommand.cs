using System.CommandLine;
using System.Text.Json;
using Nixl.Sdk.Samples.Model;

namespace Nixl.Sdk.Samples.Speculative;

/// <summary><c>demo</c>: the verifier, with a draft engine as a child process; its answers are compared with plain decoding.</summary>
internal static class DemoCommand
{
    internal const int Failed = 2;
    private const int MaxK = 16;

    internal static Command Create()
    {
        var model = new Option<string?>("--model") { Description = "Folder of the verifier's model. [the one that comes with the program]" };
        var prompt = new Option<string>("--prompt") { Description = "The prompt.", DefaultValueFactory = _ => "And it came to pass in those days, that" };
        var tokens = CommonOptions.Range("--tokens", "Longest answer, in tokens.", 200, 1, 1 << 20);
        var k = CommonOptions.Range("--k", "Candidates in a round.", 4, 1, MaxK);
        var adaptive = new Option<bool>("--adaptive") { Description = "Change k with the acceptance, starting from --k." };
        var runs = CommonOptions.Range("--runs", "Answers in a row, plain and speculative in turns; all are compared, the best times are shown.", 3, 1, 1000);
        var kill = CommonOptions.Range("--kill-draft-after", "Kill the draft engine's process after so many rounds of the only run; the verifier goes on from the cache that it has left. 0: never.", 0, 0, 1 << 20);
        var json = new Option<bool>("--json") { Description = "The last line of stdout is one JSON object." };
        var common = new CommonOptions();
        var command = new Command("demo", "Decodes a prompt speculatively with two engines, compares every token with plain greedy decoding, and shows acceptance and time.")
        {
            prompt, tokens, k, adaptive, runs, kill, json, model,
        };
        common.AddTo(command);
        command.Validators.Add(result =>
        {
            if (result.GetValue(kill) > 0 && string.Equals(result.GetValue(common.Transport), "loopback", StringComparison.OrdinalIgnoreCase))
                result.AddError("--kill-draft-after needs a draft engine in a process of its own; loopback has both in one.");
        });
        command.SetAction((parse, cancellation) => RunAsync(
            new DemoOptions(
                parse.GetValue(model) ?? CommonOptions.Folder("kjv-bytes"), common.DraftOf(parse), common.TransportOf(parse), parse.GetValue(prompt)!, parse.GetValue(tokens),
                parse.GetValue(k), parse.GetValue(adaptive), parse.GetValue(kill) > 0 ? 1 : parse.GetValue(runs), parse.GetValue(kill), parse.GetValue(common.Seed), parse.GetValue(json), common.TimeoutOf(parse)),
            cancellation));
        return command;
    }

    /// <summary>Errors that are a peer's, a transport's, a file's or an option's: everything that a person can do something about.</summary>
    internal static bool IsExpected(Exception e) => e is NixlException or LayoutMismatchException or ModelFormatException or InvalidDataException
        or InvalidOperationException or ArgumentException or IOException or TimeoutException;

    /// <returns>0: every answer identical and no block lost; 1: not; 2: something failed; 130: cancelled.</returns>
    private static async Task<int> RunAsync(DemoOptions options, CancellationToken cancellation)
    {
        try
        {
            var report = await DemoSession.RunAsync(options, MaxK, cancellation);
            report.Print(Console.Out);
            if (options.Json) Console.WriteLine(JsonSerializer.Serialize(report, SpeculationJson.Default.DemoReport));
            return report.Problems.Count == 0 ? 0 : 1;
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            await Console.Error.WriteLineAsync("Cancelled.");
            return 130;
        }
        catch (Exception e) when (IsExpected(e))
        {
            await Console.Error.WriteLineAsync($"error: {e.Message}");
            return Failed;
        }
    }
}

/// <summary>What the demo is to do.</summary>
internal sealed record DemoOptions(
    string Model, string DraftModel, NixlTransports Transport, string Prompt, int Tokens, int K, bool Adaptive, int Runs, int KillDraftAfter, int Seed, bool Json, TimeSpan Timeout);
