using System.CommandLine;
using System.Globalization;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary><c>serve</c>: a router, prefill and decode engines, each a process of its own.</summary>
internal static class ServeCommand
{
    private const string Router = "router";

    internal static Command Create()
    {
        var prefill = Number("--prefill", "Prefill engines; 0: decode engines compute prompts themselves.", 2, least: 0);
        var decode = Number("--decode", "Decode engines.", 2, least: 1);
        var listen = ListenAddress.Option("--listen", "127.0.0.1:8080");
        var engines = new EngineArguments();
        var command = new Command("serve", "Starts a router and engines as processes, and again what dies; prints the address of the live page. Ctrl-C ends all of them.")
        {
            prefill, decode, listen,
        };
        engines.AddTo(command);
        command.SetAction((parse, cancellation) => RunAsync(
            parse.GetValue(prefill), parse.GetValue(decode), parse.GetValue(listen)!, engines.RouterPart(parse), engines.EnginePart(parse), cancellation));
        return command;
    }

    private static async Task<int> RunAsync(int prefill, int decode, string listen, string[] routerPart, string[] enginePart, CancellationToken cancellation)
    {
        await using var lives = new Lives();
        await using var supervisor = new Supervisor(Console.WriteLine, lives.StartedAsync, lives.ExitedAsync);
        try
        {
            var line = await supervisor.StartAsync(Router, () => ["router", "--listen", listen, "--end-with-stdin", .. routerPart], must: true).WaitAsync(cancellation);
            var url = Lives.AddressIn(Router, line);
            listen = url.Authority; // the same one if it has to be started again
            foreach (var (role, count) in ((string, int)[])[("prefill", prefill), ("decode", decode)])
                for (var i = 0; i < count; i++)
                {
                    string[] arguments = ["engine", "--role", role, "--name", $"{role}-{i}", "--router", url.ToString(), "--end-with-stdin", .. enginePart];
                    _ = supervisor.StartAsync($"{role}-{i}", () => arguments);
                }
            Console.WriteLine($"page      {url}");
            Console.WriteLine($"try       curl {url}v1/completions -H 'Content-Type: application/json' -d '{{\"prompt\": \"In the beginning\", \"max_tokens\": 48}}'");
            await WhenReadyAsync(url, cancellation);
            Console.WriteLine("ready     Ctrl-C ends everything");
            await Task.Delay(Timeout.Infinite, cancellation);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            Console.WriteLine("ending");
            return 0;
        }
        catch (EngineFailedException e)
        {
            await Console.Error.WriteLineAsync($"error: {e.Message}");
            return 2;
        }
        return 0;
    }

    private static async Task WhenReadyAsync(Uri url, CancellationToken cancellation)
    {
        using var http = new HttpClient { BaseAddress = url, Timeout = TimeSpan.FromSeconds(5) };
        while (true)
        {
            try
            {
                using var answer = await http.GetAsync("/health/ready", cancellation);
                if (answer.IsSuccessStatusCode) return;
            }
            catch (Exception e) when (e is HttpRequestException or TaskCanceledException && !cancellation.IsCancellationRequested)
            {
                // The router is being started again.
            }
            await Task.Delay(200, cancellation);
        }
    }

    private static Option<int> Number(string name, string description, int value, int least)
    {
        var option = new Option<int>(name) { Description = description, DefaultValueFactory = _ => value };
        option.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() < least || result.GetValueOrDefault<int>() > 16) result.AddError($"{name} must be from {least} to 16.");
        });
        return option;
    }

    /// <summary>The router is the first to start, and the engines' ends are told to it.</summary>
    private sealed class Lives : IAsyncDisposable
    {
        private EngineExits? _exits;

        /// <summary>Of a program's first line, which is its name and where it listens.</summary>
        internal static Uri AddressIn(string name, string line) => new(line[(name.Length + 1)..]);

        internal Task StartedAsync(string name, int process, string line, CancellationToken cancellation)
        {
            if (name != Router) return _exits!.StartedAsync(process, AddressIn(name, line), cancellation);
            if (_exits is null) _exits = new EngineExits(AddressIn(name, line));
            else _exits.RouterIsNew();
            return Task.CompletedTask;
        }

        internal Task ExitedAsync(string name, int process, CancellationToken cancellation) =>
            name == Router || _exits is null ? Task.CompletedTask : _exits.ExitedAsync(name, process, cancellation);

        public ValueTask DisposeAsync() => _exits?.DisposeAsync() ?? ValueTask.CompletedTask;
    }

    // What is passed on to the router and to the engines, if it is given.
    private sealed class EngineArguments
    {
        private readonly CommonOptions _common = new();
        private readonly ServingEngineArguments _engine = new();
        private readonly Option<string[]> _hosts = ListenAddress.Hosts();
        private readonly Option<bool> _noAhead = RouterCommand.NoAhead();
        private readonly Option<int> _routerQueue = CommonOptions.Positive("--router-queue", "The most answers on their way at once.", 256);

        internal void AddTo(Command command)
        {
            _common.AddTo(command);
            _engine.AddTo(command);
            command.Add(_routerQueue);
            command.Add(_hosts);
            command.Add(_noAhead);
        }

        internal string[] RouterPart(ParseResult parse) =>
        [
            "--queue", Text(parse.GetValue(_routerQueue)), "--model", _common.ModelOf(parse),
            "--timeout", parse.GetValue(_common.Timeout).ToString(CultureInfo.InvariantCulture),
            .. (parse.GetValue(_hosts) ?? []).SelectMany(name => (string[])["--host", name]), .. parse.GetValue(_noAhead) ? ["--no-ahead"] : (string[])[], .. Verbose(parse),
        ];

        internal string[] EnginePart(ParseResult parse) =>
        [
            "--model", _common.ModelOf(parse), "--transport", parse.GetValue(_common.Transport)!, "--blocks", Text(parse.GetValue(_common.Blocks)),
            "--tp", Text(parse.GetValue(_engine.TensorParallel)), "--step-tokens", Text(parse.GetValue(_engine.StepTokens)),
            "--max-sequences", Text(parse.GetValue(_engine.MaxSequences)), "--queue", Text(parse.GetValue(_engine.Queue)), "--placement", parse.GetValue(_engine.Placement)!, "--drain", "2", .. Checksums(parse), .. Verbose(parse),
        ];

        private string[] Checksums(ParseResult parse) => parse.GetValue(_engine.Checksums) ? ["--checksums"] : [];

        private string[] Verbose(ParseResult parse) => parse.GetValue(_common.Verbose) ? ["--verbose"] : [];

        private static string Text(int value) => value.ToString(CultureInfo.InvariantCulture);
    }
}
