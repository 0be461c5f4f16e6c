using System.CommandLine;
using System.Text.Json;
using Nixl.Sdk.Metadata;

namespace Nixl.Sdk.Samples.Weights;

/// <summary><c>serve</c>: an engine that has a model and lets others read it. Ends with its stdin.</summary>
internal static class ServeCommand
{
    internal const string DefaultName = "weights-0";

    internal static Command Create()
    {
        var name = new Option<string>("--name") { Description = "Name of its agent.", DefaultValueFactory = _ => DefaultName };
        var verbose = new Option<bool>("--verbose") { Description = "Says on stderr who asks and what was read." };
        var common = new CommonOptions();
        var command = new Command("serve", "Loads a model and lets new engines read its weights; prints one JSON line with its address, and ends when its stdin does.")
        {
            name, verbose,
        };
        common.RefuseLoopback();
        common.AddTo(command);
        command.SetAction((parse, cancellation) => Exits.RunAsync(
            () => RunAsync(parse.GetValue(name)!, parse.GetValue(verbose), common.ModelOf(parse), common.TransportOf(parse), common.TimeoutOf(parse), cancellation), cancellation));
        return command;
    }

    private static async Task<int> RunAsync(
        string name, bool verbose, string folder, NixlTransports transport, TimeSpan timeout, CancellationToken cancellation)
    {
        Action<string> log = verbose ? line => Console.Error.WriteLine($"{name}: {line}") : _ => { };
        await using var engine = await ServingEngine.StartAsync(name, folder, transport, timeout, log, cancellation);
        await using var exchange = new DirectMetadataExchange();
        await exchange.PublishAsync(name, engine.Agent.ExportMetadata, cancellation);
        var ready = new PeerReady(name, Environment.ProcessId, exchange.Endpoint!.Address.ToString(), exchange.Endpoint.Port, engine.Tensors, engine.Bytes);
        Console.WriteLine(JsonSerializer.Serialize(ready, WeightsJson.Default.PeerReady));
        while (await Console.In.ReadLineAsync(cancellation) is not null)
        {
            // Whoever started this engine holds its stdin open for as long as it is wanted.
        }
        return 0;
    }
}

/// <summary>A serving engine runs; its metadata can be fetched at this address.</summary>
internal sealed record PeerReady(string Agent, int ProcessId, string Host, int Port, int Tensors, long Bytes);
