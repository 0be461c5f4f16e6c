using System.Collections.Concurrent;
using Nixl.Sdk.Diagnostics;

namespace Nixl.Sdk.Serving;

/// <summary>
/// Says for each prompt whether it pays to prefill it on another engine: <see cref="KvCostModel"/> with figures that it learns from what the
/// engine has observed. One for each decoding engine, or one for several that are alike.
/// </summary>
/// <remarks>Thread-safe. Advice and observations allocate nothing, except for the first of a peer. Peers go by name, so that what is known
/// of one outlives its restart.</remarks>
public sealed class KvAdvisor : IDisposable
{
    private const double ExploreLimit = 2;

    private readonly ConcurrentDictionary<string, PeerRates> _peers = new(StringComparer.Ordinal);
    private readonly long[] _counts = new long[2 * KvAdvisorSnapshot.Reasons.Length];
    private readonly RunningRate _localPrefill = new();
    private readonly RunningRate _decodeStep = new();
    private readonly PeerRates _anyPeer;
    private readonly KvCacheSize _cache;
    private readonly KvRate _localSeed;
    private readonly KvRate _remoteSeed;
    private readonly KvRate _transferSeed;
    private readonly TimeSpan _transferOverhead;
    private readonly KvAdvisorMode _mode;
    private readonly bool _layerByLayer;
    private readonly double _interference;
    private readonly double _minGain;
    private readonly int _minObservations;
    private readonly int _exploreEvery;
    private readonly TimeSpan _exploreAfter;
    private readonly TimeProvider _time;

    /// <summary>An advisor that knows nothing but its options.</summary>
    /// <param name="cache">The bytes of a prompt in the decoding engine's largest rank.</param>
    /// <param name="options">Settings.</param>
    /// <exception cref="ArgumentException">A setting is impossible.</exception>
    public KvAdvisor(KvCacheSize cache, KvAdvisorOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(cache);
        options ??= new KvAdvisorOptions();
        options.Check();
        _cache = cache;
        Name = options.Name;
        _localSeed = new KvRate(options.LocalTokensPerSecond ?? 0);
        _remoteSeed = new KvRate(options.RemoteTokensPerSecond ?? 0);
        _transferSeed = new KvRate(options.BytesPerSecond ?? 0, options.TransferOverhead);
        _transferOverhead = options.TransferOverhead;
        _mode = options.Mode;
        _layerByLayer = options.LayerByLayer;
        _interference = options.Interference;
        _minGain = options.MinGain;
        _minObservations = options.MinObservations;
        _exploreEvery = options.ExploreEvery;
        _exploreAfter = options.ExploreAfter;
        _time = options.TimeProvider;
        _anyPeer = new PeerRates(_transferOverhead, _time.GetTimestamp());
        AdvisorMetrics.Add(this);
    }

    /// <summary>Its name in counters.</summary>
    public string Name { get; }

    /// <summary>A prompt was prefilled on the decoding engine.</summary>
    /// <param name="tokens">Tokens that were computed, at least 1; what was cached is not.</param>
    /// <param name="duration">How long they were computed, without queueing.</param>
    public void ObserveLocalPrefill(int tokens, TimeSpan duration)
    {
        Check(tokens, duration);
        _localPrefill.Observe(tokens, duration);
    }

    /// <summary>A prompt was prefilled on a peer.</summary>
    /// <param name="peer">The prefilling engine's name.</param>
    /// <param name="tokens">Tokens that were computed, at least 1; what was cached is not.</param>
    /// <param name="duration">How long they were computed, without queueing; the peer says it, for example in the hand-over's payload.</param>
    public void ObserveRemotePrefill(string peer, int tokens, TimeSpan duration)
    {
        Check(tokens, duration);
        Of(peer).Prefill.Observe(tokens, duration);
        _anyPeer.Prefill.Observe(tokens, duration);
    }

    /// <summary>A cache has come.</summary>
    /// <param name="peer">The prefilling engine's name.</param>
    /// <param name="bytes">Into the largest rank, at least 1.</param>
    /// <param name="duration">How long they moved. Layer by layer: without the time in which the next layer was waited for.</param>
    public void ObserveTransfer(string peer, long bytes, TimeSpan duration)
    {
        Check(bytes, duration);
        Of(peer).Transfer.Observe(bytes, duration);
        _anyPeer.Transfer.Observe(bytes, duration);
    }

    /// <summary>The decoding engine has decoded one token of each of some sequences.</summary>
    /// <param name="sequences">At least 1.</param>
    /// <param name="duration">The step.</param>
    public void ObserveDecodeStep(int sequences, TimeSpan duration)
    {
        Check(sequences, duration);
        _decodeStep.Observe(sequences, duration);
    }

    /// <summary>Forgets a peer that will not come back, or whose machine has changed.</summary>
    /// <param name="peer">Its name.</param>
    public void Forget(string peer) => _peers.TryRemove(peer, out _);

    /// <summary>Where to prefill a prompt. Counted; ask once for each request, for the peer that would do it.</summary>
    /// <param name="peer">The prefilling engine's name; null if there is none.</param>
    /// <param name="prompt">The prompt and the queues.</param>
    /// <exception cref="ArgumentException">A number of the prompt is impossible.</exception>
    public KvAdvice Advise(string? peer, in KvPrompt prompt)
    {
        prompt.Check();
        var advice = peer is null ? new KvAdvice(KvPlacement.Local, KvAdviceReason.NoPeer, KvConfidence.Unknown, default) : Decide(Of(peer), prompt);
        Interlocked.Increment(ref _counts[KvAdvisorSnapshot.Index(advice.Placement, advice.Reason)]);
        return advice;
    }

    /// <summary>The figures that an advice about this peer would use now; what is not known is not known in them.</summary>
    /// <param name="peer">The prefilling engine's name.</param>
    /// <param name="confidence">Where they come from.</param>
    public KvCosts GetCosts(string peer, out KvConfidence confidence) => Costs(Of(peer), out confidence);

    /// <summary>All counts.</summary>
    public KvAdvisorSnapshot Snapshot()
    {
        var counts = new long[_counts.Length];
        for (var i = 0; i < counts.Length; i++) counts[i] = Interlocked.Read(ref _counts[i]);
        return new KvAdvisorSnapshot(counts);
    }

    /// <summary>Takes it out of the meter. It advises on.</summary>
    public void Dispose() => AdvisorMetrics.Remove(this);

    private KvAdvice Decide(PeerRates peer, in KvPrompt prompt)
    {
        var costs = Costs(peer, out var confidence);
        var estimate = confidence == KvConfidence.Unknown ? default : KvCostModel.Estimate(_cache, costs, prompt);
        if (_mode != KvAdvisorMode.Auto)
            return new KvAdvice(_mode == KvAdvisorMode.AlwaysRemote ? KvPlacement.Remote : KvPlacement.Local, KvAdviceReason.Mode, confidence, estimate);
        if (prompt.LocalCachedTokens == prompt.Tokens) return new KvAdvice(KvPlacement.Local, KvAdviceReason.CachedLocally, confidence, estimate);
        if (confidence == KvConfidence.Unknown) return new KvAdvice(KvPlacement.Remote, KvAdviceReason.Unknown, confidence, estimate);
        lock (peer.Sync)
        {
            var (placement, reason) = Choose(peer.Last, estimate);
            var now = _time.GetTimestamp();
            if (Explores(peer, placement, estimate, now)) (placement, reason) = (Other(placement), KvAdviceReason.Exploring);
            Remember(peer, placement, reason, now);
            return new KvAdvice(placement, reason, confidence, estimate);
        }
    }

    private (KvPlacement Placement, KvAdviceReason Reason) Choose(KvPlacement? last, in KvEstimate estimate)
    {
        var better = estimate.Gain > TimeSpan.Zero ? KvPlacement.Remote : KvPlacement.Local;
        return last is { } before && before != better && estimate.Gain.Duration() < _minGain * estimate.Monolithic
            ? (before, KvAdviceReason.GainTooSmall)
            : (better, KvAdviceReason.Faster);
    }

    private bool Explores(PeerRates peer, KvPlacement placement, in KvEstimate estimate, long now)
    {
        if (_exploreEvery == 0) return false;
        if (_time.GetElapsedTime(placement == KvPlacement.Remote ? peer.LastLocal : peer.LastRemote, now) >= _exploreAfter) return true;
        var (remote, local) = (estimate.Disaggregated, estimate.Monolithic + estimate.Interference);
        return peer.InARow >= _exploreEvery && (placement == KvPlacement.Remote ? local <= ExploreLimit * remote : remote <= ExploreLimit * local);
    }

    private static void Remember(PeerRates peer, KvPlacement placement, KvAdviceReason reason, long now)
    {
        if (placement == KvPlacement.Remote) peer.LastRemote = now;
        else peer.LastLocal = now;
        if (reason == KvAdviceReason.Exploring)
        {
            peer.InARow = 0; // and the side stays
            return;
        }
        peer.InARow = peer.Last == placement ? peer.InARow + 1 : 1;
        peer.Last = placement;
    }

    private static KvPlacement Other(KvPlacement placement) => placement == KvPlacement.Remote ? KvPlacement.Local : KvPlacement.Remote;

    private KvCosts Costs(PeerRates peer, out KvConfidence confidence)
    {
        var local = Best(_localPrefill, _localSeed, out var sureOfLocal);
        var remote = Best(peer.Prefill, _remoteSeed, _anyPeer.Prefill, out var sureOfRemote);
        var transfer = Best(peer.Transfer, _transferSeed, _anyPeer.Transfer, out var sureOfTransfer);
        // Engines are alike until it is known how they differ.
        if (!local.IsKnown && remote.IsKnown) (local, sureOfLocal) = (remote, KvConfidence.Assumed);
        if (!remote.IsKnown && local.IsKnown) (remote, sureOfRemote) = (local, KvConfidence.Assumed);
        confidence = (KvConfidence)Math.Min((int)sureOfLocal, Math.Min((int)sureOfRemote, (int)sureOfTransfer));
        return new KvCosts
        {
            LocalPrefill = local,
            RemotePrefill = remote,
            Transfer = transfer,
            DecodeStep = _decodeStep.Read(out _),
            LayerByLayer = _layerByLayer,
            Interference = _interference,
        };
    }

    private KvRate Best(RunningRate measured, in KvRate seed, out KvConfidence confidence)
    {
        var rate = measured.Read(out var observations);
        confidence = observations >= _minObservations ? KvConfidence.Measured : seed.IsKnown ? KvConfidence.Assumed : observations > 0 ? KvConfidence.Learning : KvConfidence.Unknown;
        return confidence == KvConfidence.Assumed ? seed : rate;
    }

    private KvRate Best(RunningRate measured, in KvRate seed, RunningRate others, out KvConfidence confidence)
    {
        var rate = Best(measured, seed, out confidence);
        if (confidence != KvConfidence.Unknown) return rate;
        rate = others.Read(out var observations);
        if (observations > 0) confidence = KvConfidence.Assumed;
        return rate;
    }

    private PeerRates Of(string peer)
    {
        ArgumentException.ThrowIfNullOrEmpty(peer);
        return _peers.TryGetValue(peer, out var rates) ? rates : _peers.GetOrAdd(peer, new PeerRates(_transferOverhead, _time.GetTimestamp()));
    }

    private static void Check(long units, TimeSpan duration)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(units, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(duration, TimeSpan.Zero);
    }
}
