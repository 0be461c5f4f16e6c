using System.CommandLine;
using Microsoft.Extensions.Logging;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary><c>prefill</c> and <c>decode</c>: one engine that speaks with its driver over stdin and stdout.</summary>
internal static class EngineCommand
{
    // After this the process ends whatever still runs: an engine never outlives its driver.
    private static readonly TimeSpan ForcedEnd = TimeSpan.FromSeconds(15);

    internal static Command Create(EngineRole role)
    {
        var name = role == EngineRole.Prefill ? "prefill" : "decode";
        var agent = new Option<string>("--name") { Description = "Name of its agent.", DefaultValueFactory = _ => $"{name}-0" };
        var common = new CommonOptions();
        var command = new Command(name, $"Runs a {name} engine; a driver speaks with it over stdin and stdout, one JSON message a line.") { agent };
        common.AddTo(command);
        command.SetAction(async (parse, cancellation) =>
        {
            var options = new EngineOptions(
                role, parse.GetValue(agent)!, common.ModelOf(parse), common.TransportOf(parse), parse.GetValue(common.Blocks), common.SeedOf(parse),
                common.TimeoutOf(parse));
            return await RunAsync(options, parse.GetValue(common.Verbose), cancellation);
        });
        return command;
    }

    private static async Task<int> RunAsync(EngineOptions options, bool verbose, CancellationToken cancellation)
    {
        using var channel = EngineChannel.OfThisProcess();
        try
        {
            using var model = ModelHandle.Load(options.Model);
            using (var logs = LoggerFactory.Create(logging => HttpServer.AddLogs(logging, verbose)))
                await Rehearsal.RunAsync(model, options.Timeout, logs.CreateLogger(nameof(Rehearsal)), cancellation);
            await ChannelEngine.RunAsync(options, model, channel, verbose, OnEnding, cancellation: cancellation);
            return Environment.ExitCode;
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            return 130;
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // The driver shows it; whoever started the engine by hand sees it on stderr.
            await Console.Error.WriteLineAsync($"{options.Agent}: {e.Message}");
            await channel.SendAsync(new FailedMessage(null, e.Message), CancellationToken.None);
            return 1;
        }
    }

    private static void OnEnding() => new Thread(() =>
    {
        Thread.Sleep(ForcedEnd);
        Console.Error.WriteLine($"The engine (process {Environment.ProcessId}) did not stop within {ForcedEnd.TotalSeconds} s.");
        Environment.Exit(3);
    }) { IsBackground = true, Name = "forced end" }.UnsafeStart();
}
