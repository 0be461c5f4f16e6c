using Prometheus;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>A router's figures for Prometheus. Those of the engines are read from their last statuses when somebody asks.</summary>
internal sealed class RouterMetrics
{
    private readonly CollectorRegistry _registry = Metrics.NewCustomRegistry();
    private readonly Counter _requests, _refusals, _failovers, _promptTokens, _tokens, _firstTokens;
    private readonly Histogram _firstToken, _interToken;
    private readonly Gauge _inFlight, _up, _queue, _blocks, _quarantined, _linkBytes, _prefills;
    private long _failoverCount;

    /// <param name="readGauges">Called before each export.</param>
    internal RouterMetrics(Action<RouterMetrics> readGauges)
    {
        var factory = Metrics.WithCustomRegistry(_registry);
        _requests = factory.CreateCounter("nixl_router_requests_total", "Answers that have ended.", "outcome");
        _refusals = factory.CreateCounter("nixl_router_refusals_total", "Requests that were refused.", "reason");
        _failovers = factory.CreateCounter("nixl_router_failovers_total", "Engines that failed in the middle of a request, which went on with another one.", "role");
        _promptTokens = factory.CreateCounter("nixl_router_prompt_tokens_total", "Tokens of prompts.");
        _tokens = factory.CreateCounter("nixl_router_generated_tokens_total", "Tokens of answers.");
        _firstTokens = factory.CreateCounter(
            "nixl_router_first_tokens_total", "First tokens by who told them: the prefill engine to which the prompt was sent ahead, or the decode engine.", "from");
        _firstToken = factory.CreateHistogram("nixl_router_time_to_first_token_seconds", "From the request to the first token.",
            new HistogramConfiguration { Buckets = Histogram.ExponentialBuckets(0.005, 2, 14) });
        _interToken = factory.CreateHistogram("nixl_router_inter_token_seconds", "From one token to the next.",
            new HistogramConfiguration { Buckets = Histogram.ExponentialBuckets(0.0005, 2, 14) });
        _inFlight = factory.CreateGauge("nixl_router_requests", "Answers on their way: waiting for the first token, or running.", "phase");
        _up = factory.CreateGauge("nixl_engine_up", "1 for an engine that takes requests.", "engine", "role");
        _queue = factory.CreateGauge("nixl_engine_requests", "Requests of an engine.", "engine", "phase");
        _blocks = factory.CreateGauge("nixl_engine_blocks", "Blocks of an engine's rank 0. Those that are cached are also free.", "engine", "state");
        _quarantined = factory.CreateGauge("nixl_engine_quarantine_age_seconds", "Age of an engine's oldest quarantine.", "engine");
        _linkBytes = factory.CreateGauge("nixl_engine_received_bytes", "KV bytes that an engine got from another one since its start.", "engine", "from");
        _prefills = factory.CreateGauge("nixl_engine_prefills", "Prompts since an engine's start by where they were computed, remote or here, and why.", "engine", "reason");
        _registry.AddBeforeCollectCallback(() => readGauges(this));
    }

    internal long Failovers => Interlocked.Read(ref _failoverCount);

    internal void Ended(string outcome, int promptTokens)
    {
        _requests.WithLabels(outcome).Inc();
        _promptTokens.Inc(promptTokens);
    }

    internal void Refused(string reason) => _refusals.WithLabels(reason).Inc();

    internal void FailedOver(string role)
    {
        Interlocked.Increment(ref _failoverCount);
        _failovers.WithLabels(role).Inc();
    }

    internal void FirstToken(TimeSpan after, EngineRole from)
    {
        _tokens.Inc();
        _firstTokens.WithLabels(NameOf(from)).Inc();
        _firstToken.Observe(after.TotalSeconds);
    }

    internal void NextToken(TimeSpan after)
    {
        _tokens.Inc();
        _interToken.Observe(after.TotalSeconds);
    }

    internal void Set(int waiting, int running, Worker[] workers)
    {
        _inFlight.WithLabels("waiting").Set(waiting);
        _inFlight.WithLabels("running").Set(running);
        // Engines that have left are no series any more, nor are their former roles and peers.
        foreach (var gauge in (Gauge[])[_queue, _blocks, _quarantined]) Keep(gauge, labels => workers.Any(worker => worker.Name == labels[0]));
        Keep(_up, labels => workers.Any(worker => worker.Name == labels[0] && RoleOf(worker) == labels[1]));
        Keep(_linkBytes, labels => workers.Any(worker => worker.Name == labels[0] && worker.Status?.Peers.Any(peer => peer.Name == labels[1]) == true));
        Keep(_prefills, labels => workers.Any(worker => worker.Name == labels[0] && worker.Status?.Prefills.ContainsKey(labels[1]) == true)); // of this life
        foreach (var worker in workers) Set(worker);
    }

    private static void Keep(Gauge gauge, Func<string[], bool> which)
    {
        foreach (var labels in gauge.GetAllLabelValues().ToArray()) if (!which(labels)) gauge.RemoveLabelled(labels);
    }

    private static string RoleOf(Worker worker) => NameOf(worker.Announcement.Role);

    private static string NameOf(EngineRole role) => role.ToString().ToLowerInvariant();

    private void Set(Worker worker)
    {
        _up.WithLabels(worker.Name, RoleOf(worker)).Set(worker.TakesRequests ? 1 : 0);
        if (worker.Status is not { } status) return;
        foreach (var (phase, count) in ((string, int)[])[("waiting", status.Queue.Waiting), ("running", status.Queue.Running), ("reserved", status.Queue.Reserved)])
            _queue.WithLabels(worker.Name, phase).Set(count);
        var blocks = status.Blocks;
        foreach (var (state, count) in ((string, int)[])
            [
                ("free", blocks.Free), ("cached", blocks.Cached), ("reserved", blocks.Reserved), ("in_flight", blocks.InFlight), ("quiesced", blocks.Quiesced),
                ("ready", blocks.Ready), ("quarantined", blocks.Quarantined),
            ])
            _blocks.WithLabels(worker.Name, state).Set(count);
        _quarantined.WithLabels(worker.Name).Set(status.Quarantine.Select(entry => entry.AgeMs / 1000).DefaultIfEmpty(0).Max());
        foreach (var (reason, count) in status.Prefills) _prefills.WithLabels(worker.Name, reason).Set(count);
        if (status.Role != EngineRole.Prefill) foreach (var peer in status.Peers) _linkBytes.WithLabels(worker.Name, peer.Name).Set(peer.Bytes);
    }

    internal Task WriteAsync(Stream stream, CancellationToken cancellation) => _registry.CollectAndExportAsTextAsync(stream, cancellation);
}
