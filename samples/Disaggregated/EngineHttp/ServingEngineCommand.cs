using System.CommandLine;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary><c>engine</c>: a serving engine behind HTTP that joins a router.</summary>
internal static class ServingEngineCommand
{
    internal static Command Create()
    {
        var role = new Option<EngineRole>("--role") { Required = true };
        var name = new Option<string>("--name") { Required = true };
        var listen = ListenAddress.Option("--listen", "127.0.0.1:0");
        var router = new Option<string?>("--router");
        var url = new Option<string?>("--url") { Description = "Where others reach it, if that is not where it listens." };
        var common = new CommonOptions();
        var engine = new ServingEngineArguments();
        var command = new Command("engine", "Runs an engine.") { role, name, listen, router, url, ServerLife.EndWithStdin };
        common.AddTo(command);
        engine.AddTo(command);
        command.SetAction(async (parse, cancellation) =>
        {
            using var model = ModelHandle.Load(common.ModelOf(parse));
            var options = new ServingEngineOptions(parse.GetValue(name)!, parse.GetValue(role))
            {
                TensorParallel = parse.GetValue(engine.TensorParallel), Transports = common.TransportOf(parse), Blocks = parse.GetValue(common.Blocks),
                Core = new EngineCoreOptions { StepTokens = parse.GetValue(engine.StepTokens), MaxSequences = parse.GetValue(engine.MaxSequences) },
                MaxQueue = parse.GetValue(engine.Queue),
            };
            await using var serving = await ServingEngine.StartAsync(options, model, cancellation);
            await using var server = await EngineServer.StartAsync(serving, ListenAddress.Parse(parse.GetValue(listen)!),
                parse.GetValue(url) is { } u ? new Uri(u) : null, parse.GetValue(common.Verbose), cancellation);
            await using var link = parse.GetValue(router) is { } r ? new RouterLink(new Uri(r), server.Announcement, server.Logs.CreateLogger("link")) : null;
            Console.WriteLine($"engine {options.Name} {server.Announcement.Url}");
            await ServerLife.UntilEndAsync(parse.GetValue(ServerLife.EndWithStdin), cancellation);
            return 0;
        });
        return command;
    }
}
