using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;

namespace Nixl.Sdk.Serve;

/// <summary>
/// The chaos test: under load engines and router are killed, stopped and restarted, connections are cut, requests aborted, the router's queue is overrun;
/// then everything has to be as if nothing had been.
/// </summary>
internal sealed class ChaosRun : IAsyncDisposable
{
    // What a process may have more of at the end than before: caches, pools and connections that idle.
    private const int MoreFiles = 100, MoreThreads = 64;
    private const long MoreBytes = 400 << 20;

    private readonly ChaosOptions _options;
    private readonly ServeCluster _cluster;
    private readonly ChaosLoad _load;
    private readonly Action<string> _say;
    private readonly Random _random;
    private readonly long _start = Stopwatch.GetTimestamp();
    private readonly ConcurrentDictionary<ChaosAction, int> _steps = [];
    private readonly ConcurrentBag<string> _problems = [];
    private readonly bool[] _away;
    private readonly SocketCutter _cutter;
    private readonly string? _whyNoCuts;
    private readonly Dictionary<CutKind, int> _cuts = [];
    private bool _routerAway;

    private ChaosRun(ChaosOptions options, ServeCluster cluster, Action<string> say)
    {
        (_options, _cluster, _say) = (options, cluster, say);
        _load = new ChaosLoad(cluster.Url, options);
        _random = new Random(options.Seed);
        _away = new bool[cluster.Engines.Count];
        _cutter = new SocketCutter(cluster.RouterUrl.Port);
        _whyNoCuts = SocketCutter.WhyNot(cluster.Router.Id);
    }

    /// <summary>Runs it.</summary>
    /// <param name="options">How.</param>
    /// <param name="say">Takes lines of what happens, and at a failure the ends of all logs.</param>
    /// <param name="cancellation">Ends it early; all processes end, too.</param>
    internal static async Task<ChaosReport> RunAsync(ChaosOptions options, Action<string> say, CancellationToken cancellation)
    {
        using var reference = new MonolithicReference();
        var cluster = await ServeCluster.StartAsync(
            new ClusterOptions
            {
                Engines = options.Engines, Blocks = options.Blocks, Transport = options.Transport, RouterQueue = options.RouterQueue, Proxies = true, Checksums = true,
            },
            cancellation);
        await using var run = new ChaosRun(options, cluster, say);
        return await run.RunAsync(reference, cancellation);
    }

    public async ValueTask DisposeAsync()
    {
        _load.Dispose();
        await _cluster.DisposeAsync();
    }

    private async Task<ChaosReport> RunAsync(MonolithicReference reference, CancellationToken cancellation)
    {
        Say($"{_cluster.Engines.Count} engines are ready; logs are in {_cluster.Folder}");
        if (_whyNoCuts is not null) Say($"no connections are cut from outside: {_whyNoCuts}");
        await ProbeAsync("before", _options.Seed + 1);
        var before = Figures();
        using var stop = new CancellationTokenSource();
        var began = CompletionClient.Now;
        var load = _load.RunAsync(stop.Token);
        try
        {
            await PlanAsync(cancellation);
        }
        finally
        {
            await stop.CancelAsync();
        }
        Say("the load ends");
        await load.WaitAsync(cancellation); // each request has a deadline of its own
        Answer[] underChaos = [.. _load.Answers.Where(answer => answer.Started >= began)];
        Say($"{underChaos.Count(answer => answer.Outcome == Outcome.Done)} of {underChaos.Length} requests were answered");
        if (AnswerJudge.TooFew(underChaos, _options.Duration) is { } few) _problems.Add(few);
        await BringBackAsync(cancellation);
        if (!await _cluster.WaitUntilReadyAsync(_options.Recovery, cancellation)) _problems.Add($"not all engines were ready and connected {_options.Recovery.TotalSeconds} s after the last outage");
        var (settled, held) = await SettleCheck.WaitAsync(_cluster, _options.Settling, cancellation);
        foreach (var what in held) _problems.Add($"after {settled.TotalSeconds:0} s {what}");
        await ProbeAsync("afterwards", _options.Seed + 2);
        await ExpectHandoversAsync(cancellation);
        Compare(before, Figures());
        await File.WriteAllLinesAsync(Path.Combine(_cluster.Folder, "answers.log"), _load.Answers.OrderBy(answer => answer.Started).Select(Line), cancellation);
        Say("comparing with the monolithic engine");
        var figures = await SettleCheck.FiguresAsync(_cluster, _options.Settling, cancellation);
        foreach (var problem in AnswerJudge.Judge(_load.Answers, reference).Concat(CounterCheck.Check(figures, _load.Answers, _cluster.RouterEnded))) _problems.Add(problem);
        var report = new ChaosReport(_options, _load.Answers, _steps, _cuts, _whyNoCuts, figures.Sum("nixl_router_failovers_total"), settled, [.. _problems]);
        if (!report.Passed) _say($"{_cluster.LogTails(40)}\n--- the whole logs are in {_cluster.Folder}");
        return report;
    }

    private async Task PlanAsync(CancellationToken cancellation)
    {
        var begin = Stopwatch.GetTimestamp();
        List<Task> outages = [];
        foreach (var step in ChaosPlan.Create(_options.Seed, _options.Duration, [.. _options.Engines.Select(engine => engine.Role)]))
        {
            if (step.At - Stopwatch.GetElapsedTime(begin) is { Ticks: > 0 } wait) await Task.Delay(wait, cancellation);
            switch (step.Action)
            {
                case ChaosAction.CutClients: Cut(step, _cluster.RouterProxy!, "clients and router"); break;
                case ChaosAction.CutEngine: Cut(step, _cluster.Engines[step.Engine].Proxy!, $"router and {_options.Engines[step.Engine].Name}"); break;
                case ChaosAction.CutSockets: CutSockets(step, _cluster.Engines[step.Engine]); break;
                case ChaosAction.KillRouter:
                    if (!_routerAway) outages.Add(RouterOutageAsync(step, cancellation));
                    break;
                case ChaosAction.Burst:
                    Count(step.Action, $"{_options.RouterQueue + _options.Clients} requests more at once");
                    outages.Add(_load.BurstAsync());
                    break;
                // One that is still starting is left alone.
                default:
                    if (!_away[step.Engine]) outages.Add(OutageAsync(step, _cluster.Engines[step.Engine], cancellation));
                    break;
            }
        }
        if (_options.Duration - Stopwatch.GetElapsedTime(begin) is { Ticks: > 0 } rest) await Task.Delay(rest, cancellation);
        await Task.WhenAll(outages);
    }

    private void Cut(ChaosStep step, CuttingProxy proxy, string between) =>
        Count(step.Action, $"{proxy.Cut(() => _random.Next(2) == 0)} connections between {between} are cut");

    // Of a kind that it has at that moment: over the local transport there is seldom anything but HTTP and control connections. HTTP is cut by
    // proxies, too.
    private void CutSockets(ChaosStep step, EngineSlot engine)
    {
        if (_whyNoCuts is not null || _away[step.Engine] || !engine.Runs) return;
        CutKind[] kinds = [CutKind.Control, CutKind.Control, CutKind.Data, CutKind.Data, CutKind.Http];
        _random.Shuffle(kinds);
        foreach (var kind in kinds.Distinct())
        {
            var first = true; // one of them at least
            var cut = _cutter.Cut(engine.Process!.Id, engine.Port, kind, () => (first && !(first = false)) || _random.Next(2) == 0);
            if (cut == 0) continue;
            _cuts[kind] = _cuts.GetValueOrDefault(kind) + cut;
            Count(step.Action, $"{cut} {kind.ToString().ToLowerInvariant()} connections of {engine.Spec.Name} are cut from outside");
            return;
        }
    }

    private async Task RouterOutageAsync(ChaosStep step, CancellationToken cancellation)
    {
        _routerAway = true;
        Count(step.Action, $"the router: killed for {step.Lasts.TotalSeconds:0.0} s");
        if (_cluster.Router.HasExited) _problems.Add("the router had ended by itself");
        await _cluster.KillRouterAsync();
        await Task.Delay(step.Lasts, cancellation);
        await _cluster.RestartRouterAsync(cancellation);
        Say("the router is back");
        _routerAway = false;
    }

    private async Task OutageAsync(ChaosStep step, EngineSlot engine, CancellationToken cancellation)
    {
        _away[step.Engine] = true;
        var process = engine.Process!;
        Count(step.Action, $"{engine.Spec.Name}: {step.Action} for {step.Lasts.TotalSeconds:0.0} s");
        if (process.HasExited) _problems.Add($"{engine.Spec.Name} had ended by itself; see {engine.LogFile}");
        else if (step.Action == ChaosAction.Kill) await process.KillAsync();
        else if (step.Action == ChaosAction.Stop) process.Send(Signal.Stop);
        else if (!await process.TerminateAsync()) _problems.Add($"{engine.Spec.Name} did not end within seconds when it was asked to");
        await Task.Delay(step.Lasts, cancellation);
        if (step.Action == ChaosAction.Stop) process.Send(Signal.Continue);
        else await engine.StartAsync(cancellation);
        Say($"{engine.Spec.Name} is back");
        _away[step.Engine] = false;
    }

    private async Task BringBackAsync(CancellationToken cancellation)
    {
        foreach (var engine in _cluster.Engines.Where(engine => !engine.Runs))
        {
            _problems.Add($"{engine.Spec.Name} had ended by itself; see {engine.LogFile}");
            await engine.StartAsync(cancellation);
        }
        if (_cluster.Router.HasExited) _problems.Add("the router has ended");
    }

    private async Task ProbeAsync(string when, int seed)
    {
        foreach (var answer in await _load.ProbeAsync(2 * _options.Engines.Count, seed)) _problems.Add($"{when}, with all engines there: {answer}");
    }

    // A run in which no cache was handed over would show nothing.
    private async Task ExpectHandoversAsync(CancellationToken cancellation)
    {
        var sum = 0L;
        foreach (var engine in _cluster.Engines.Where(engine => engine.Spec.Role == "decode"))
            sum += await engine.StatusAsync(cancellation) is { } status ? status.Peers.Sum(peer => peer.Requests) : 0;
        Say($"{sum} prompts came from prefill engines in the last lives of the decode engines");
        if (sum == 0) _problems.Add("no prompt came from a prefill engine in the last lives of the decode engines, the probe included");
    }

    private Dictionary<string, ProcessFigures?> Figures() => _cluster.Engines.Select(engine => (engine.Spec.Name, engine.Process!.Id)).Append(("router", _cluster.Router.Id))
        .ToDictionary(entry => entry.Item1, entry => ProcessFigures.Read(entry.Id));

    private void Compare(Dictionary<string, ProcessFigures?> before, Dictionary<string, ProcessFigures?> after)
    {
        foreach (var (name, was) in before)
        {
            if (was is null || after[name] is not { } now) continue;
            Say($"{name}: {was} before, {now} after");
            if (now.Files > was.Files + MoreFiles || now.Threads > was.Threads + MoreThreads || now.ResidentBytes > was.ResidentBytes + MoreBytes)
                _problems.Add($"{name} holds {now}; before it was {was}");
        }
    }

    // With the time of the processes' logs.
    private static string Line(Answer answer) =>
        string.Create(CultureInfo.InvariantCulture, $"{DateTime.UnixEpoch.AddMilliseconds(answer.Started):HH:mm:ss.fff} {answer}");

    private void Count(ChaosAction action, string what)
    {
        _steps.AddOrUpdate(action, 1, (_, count) => count + 1);
        Say(what);
    }

    private void Say(string what) => _say(string.Create(CultureInfo.InvariantCulture, $"{Stopwatch.GetElapsedTime(_start).TotalSeconds,6:0.0} s  {what}"));
}
