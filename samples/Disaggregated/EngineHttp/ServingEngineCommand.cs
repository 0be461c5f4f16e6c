using System.CommandLine;
using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Nixl.Sdk.Samples.Model;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary><c>engine</c>: a serving engine behind HTTP.</summary>
internal static class ServingEngineCommand
{
    internal static Command Create()
    {
        var role = new Option<string>("--role") { Description = "What it does: compute prompts (prefill), answer (decode), or both.", Required = true };
        role.AcceptOnlyFromAmong("prefill", "decode", "both");
        var name = new Option<string>("--name") { Description = "Its name, unique among the engines of a router.", Required = true };
        name.Validators.Add(result =>
        {
            if (!ContractCheck.IsName(result.GetValueOrDefault<string>())) result.AddError("--name must have 1 to 64 letters, digits, dots, hyphens and underscores.");
        });
        var listen = ListenAddress.Option("--listen", "127.0.0.1:0");
        var url = Http("--url", "Where others reach it, if that is not where it listens: http://HOST:PORT.");
        var router = Http("--router", "The router that it joins: http://HOST:PORT. [none: whoever calls it]");
        var drain = CommonOptions.Seconds("--drain", "How long it finishes what it has when it is told to end, in seconds.", 10);
        var (common, own) = (new CommonOptions(), new ServingEngineArguments());
        var command = new Command("engine", "Runs a serving engine behind HTTP; prints its name and address when it listens.")
        {
            role, name, listen, url, router, drain, ServerLife.EndWithStdin,
        };
        common.AddTo(command);
        own.AddTo(command);
        command.SetAction((parse, cancellation) =>
        {
            var options = new ServingEngineOptions(parse.GetValue(name)!, Enum.Parse<EngineRole>(parse.GetValue(role)!, ignoreCase: true))
            {
                TensorParallel = parse.GetValue(own.TensorParallel), Transports = common.TransportOf(parse), Blocks = parse.GetValue(common.Blocks),
                MaxQueue = parse.GetValue(own.Queue), Placement = own.PlacementOf(parse), Seed = common.SeedOf(parse), Timeout = common.TimeoutOf(parse),
                Checksums = parse.GetValue(own.Checksums),
                Core = new EngineCoreOptions { StepTokens = parse.GetValue(own.StepTokens), MaxSequences = parse.GetValue(own.MaxSequences) },
            };
            var host = new HostOptions(
                ListenAddress.Parse(parse.GetValue(listen)!), parse.GetValue(url), parse.GetValue(router), TimeSpan.FromSeconds(parse.GetValue(drain)),
                parse.GetValue(ServerLife.EndWithStdin), parse.GetValue(common.Verbose));
            return RunAsync(options, common.ModelOf(parse), host, cancellation);
        });
        return command;
    }

    private static async Task<int> RunAsync(ServingEngineOptions options, string folder, HostOptions host, CancellationToken cancellation)
    {
        try
        {
            using var logs = LoggerFactory.Create(logging => HttpServer.AddLogs(logging, host.Verbose));
            using var model = ModelHandle.Load(folder);
            await Rehearsal.RunAsync(model, options.Timeout, logs.CreateLogger(nameof(Rehearsal)), cancellation);
            await using var engine = await ServingEngine.StartAsync(options with { LoggerFactory = logs }, model, cancellation);
            await using var server = await EngineServer.StartAsync(engine, host.Listen, host.Url, host.Verbose, cancellation);
            await using var link = host.Router is null ? null : new RouterLink(host.Router, server.Announcement, logs.CreateLogger<RouterLink>());
            Console.WriteLine($"{options.Name} {server.Announcement.Url}");
            await ServerLife.UntilEndAsync(host.WithStdin, cancellation);
            await DrainAsync(engine, host.Drain);
            return 0;
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            return 130;
        }
        catch (Exception e) when (e is IOException or ModelFormatException or ArgumentException or InvalidOperationException or TimeoutException or NixlException)
        {
            await Console.Error.WriteLineAsync($"error: {options.Name}: {e.Message}");
            return 2;
        }
    }

    // The router hears of it by the status, and sends nothing more; the farewell comes when nothing is left, so that nobody drops connections too early.
    private static async Task DrainAsync(ServingEngine engine, TimeSpan limit)
    {
        engine.Drain();
        var began = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(began) < limit && engine.GetStatus().Queue is { Waiting: > 0 } or { Running: > 0 } or { Reserved: > 0 }) await Task.Delay(20);
    }

    private static Option<Uri?> Http(string name, string description) => new(name)
    {
        Description = description,
        CustomParser = result =>
        {
            if (Uri.TryCreate(result.Tokens.Single().Value, UriKind.Absolute, out var uri) && uri is { Scheme: "http", PathAndQuery: "/" }) return uri;
            result.AddError($"{name} must be http://HOST:PORT.");
            return null;
        },
    };

    private sealed record HostOptions(System.Net.IPEndPoint Listen, Uri? Url, Uri? Router, TimeSpan Drain, bool WithStdin, bool Verbose);
}
