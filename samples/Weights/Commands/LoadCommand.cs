using System.CommandLine;

namespace Nixl.Sdk.Samples.Weights;

/// <summary><c>load</c>: a new engine that reads its shards from an engine that runs already.</summary>
internal static class LoadCommand
{
    internal static Command Create()
    {
        var peer = new Option<string>("--peer") { Description = "Name of the serving engine's agent.", DefaultValueFactory = _ => ServeCommand.DefaultName };
        var host = new Option<string>("--host") { Description = "Where its metadata can be fetched.", DefaultValueFactory = _ => "127.0.0.1" };
        var port = new Option<int>("--port") { Description = "Where its metadata can be fetched; serve prints it.", Required = true };
        port.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() is < 1 or > 65535) result.AddError("--port must be from 1 to 65535.");
        });
        var (common, load) = (new CommonOptions(), new LoadOptions());
        var command = new Command("load", "Reads the shards of a new engine from an engine that serve has started; --model has the config.json, and the weights for the comparison with the disk.")
        {
            peer, host, port,
        };
        common.RefuseLoopback();
        common.AddTo(command);
        load.AddTo(command);
        command.SetAction((parse, cancellation) => Exits.RunAsync(
            async () =>
            {
                await using var distant = new DistantPeer(new PeerReady(parse.GetValue(peer)!, 0, parse.GetValue(host)!, parse.GetValue(port), 0, 0));
                return await NewEngine.RunAsync(distant, load.TaskOf(parse, common, common.ModelOf(parse)), Console.Out, cancellation);
            }, cancellation));
        return command;
    }
}
