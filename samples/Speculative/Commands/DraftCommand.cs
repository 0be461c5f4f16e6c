using System.CommandLine;
using Nixl.Sdk.Metadata;

namespace Nixl.Sdk.Samples.Speculative;

/// <summary><c>draft</c>: a draft engine that guesses for one verifier. Ends with its stdin.</summary>
internal static class DraftCommand
{
    internal static Command Create()
    {
        var verifier = new Option<string>("--verifier") { Description = "Name of the verifier's agent.", Required = true };
        var host = new Option<string>("--host") { Description = "Where the verifier's metadata can be fetched.", Required = true };
        var port = CommonOptions.Range("--port", "Where the verifier's metadata can be fetched.", 0, 1, 65535);
        port.Required = true;
        var common = new CommonOptions();
        var command = new Command("draft", "Runs a draft engine for a verifier; demo starts one. It ends when its stdin does.") { verifier, host, port };
        common.AddTo(command);
        command.SetAction(async (parse, cancellation) =>
        {
            using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            _ = Task.Run(() => EndWithStdinAsync(ending), CancellationToken.None);
            try
            {
                await RunAsync(parse, common, parse.GetValue(verifier)!, parse.GetValue(host)!, parse.GetValue(port), ending.Token);
                return 0;
            }
            catch (OperationCanceledException) when (ending.IsCancellationRequested)
            {
                return 0;
            }
            catch (Exception e) when (DemoCommand.IsExpected(e))
            {
                // The verifier's end is this engine's, and no error of it.
                if (!ending.IsCancellationRequested) await Console.Error.WriteLineAsync($"draft engine: {e.Message}");
                return DemoCommand.Failed;
            }
        });
        return command;
    }

    private static async Task RunAsync(ParseResult parse, CommonOptions common, string verifier, string host, int port, CancellationToken cancellation)
    {
        var timeout = common.TimeoutOf(parse);
        using var model = DraftModel.Load(common.DraftOf(parse));
        await using var exchange = new DirectMetadataExchange(new DirectMetadataExchangeOptions { Listen = null });
        var metadata = await exchange.FetchAsync(verifier, host, port, timeout, cancellation);
        await using var agent = await NixlAgent.CreateAsync(
            new NixlAgentOptions { Name = "draft-0", Transports = common.TransportOf(parse), DefaultTimeout = timeout }, cancellation);
        await using var engine = await DraftEngine.ConnectAsync(
            agent, model, metadata, CommonOptions.DefaultBlocks, parse.GetValue(common.Seed), timeout, wrap: null, cancellation);
        await engine.RunAsync(cancellation);
    }

    private static async Task EndWithStdinAsync(CancellationTokenSource ending)
    {
        while (await Console.In.ReadLineAsync() is not null)
        {
        }
        await ending.CancelAsync();
    }
}
