using Microsoft.Extensions.Time.Testing;
using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Tests.Serving.Advisor;

public sealed class KvAdvisorTests
{
    private const string Peer = "prefill-0";
    private static readonly KvPrompt Long = new(4096);

    [Fact]
    public void Before_anything_is_known_it_says_so_and_has_remote_tried()
    {
        using var advisor = new KvAdvisor(AdvisorCases.Rank);
        var advice = advisor.Advise(Peer, Long);
        Assert.Equal(new KvAdvice(KvPlacement.Remote, KvAdviceReason.Unknown, KvConfidence.Unknown, default), advice);
        Assert.Contains("never measured", advice.Why, StringComparison.Ordinal);
        advisor.ObserveTransfer(Peer, 100_000_000, TimeSpan.FromMilliseconds(10));
        Assert.Equal(KvConfidence.Unknown, advisor.Advise(Peer, Long).Confidence);
        advisor.ObserveRemotePrefill(Peer, 2048, TimeSpan.FromMilliseconds(100));
        advice = advisor.Advise(Peer, Long);
        Assert.Equal((KvPlacement.Local, KvConfidence.Assumed), (advice.Placement, advice.Confidence)); // local is taken to be as fast as remote
        Assert.Equal(200, advice.Estimate.LocalPrefill.TotalMilliseconds, 0.01);
        advisor.ObserveLocalPrefill(1024, TimeSpan.FromMilliseconds(100));
        Assert.Equal(KvConfidence.Learning, advisor.Advise(Peer, Long).Confidence);
    }

    [Fact]
    public void What_is_measured_replaces_what_was_configured()
    {
        using var advisor = AdvisorCases.Advisor();
        var busy = Long with { LocalQueuedTokens = 4096 };
        var advice = advisor.Advise(Peer, busy);
        Assert.Equal((KvPlacement.Remote, KvAdviceReason.Faster, KvConfidence.Assumed), (advice.Placement, advice.Reason, advice.Confidence));
        Assert.Equal(176.033, advice.Estimate.Gain.TotalMilliseconds, 0.001);
        for (var i = 1; i <= 4; i++)
        {
            advisor.ObserveTransfer(Peer, 100_000_000 * i, TimeSpan.FromSeconds(i)); // 0.1 GB/s
            advisor.ObserveRemotePrefill(Peer, 1000 * i, TimeSpan.FromMilliseconds(50 * i));
            advisor.ObserveLocalPrefill(1000 * i, TimeSpan.FromMilliseconds(50 * i));
            advisor.ObserveDecodeStep(i, TimeSpan.FromMilliseconds(10 + i));
        }
        advice = advisor.Advise(Peer, busy);
        Assert.Equal((KvPlacement.Local, KvAdviceReason.Faster, KvConfidence.Measured), (advice.Placement, advice.Reason, advice.Confidence));
        Assert.Equal(1677.722, advice.Estimate.Transfer.TotalMilliseconds, 0.1);
        Assert.Equal(11, advice.Estimate.FirstDecodeStep.TotalMilliseconds, 0.01);
        Assert.Equal(7e9, advisor.GetCosts("another", out var assumed).Transfer.PerSecond); // configured, before what is known of others
        Assert.Equal(KvConfidence.Assumed, assumed);
    }

    [Fact]
    public void A_new_peer_is_taken_to_be_like_the_others_and_each_has_its_own_figures()
    {
        using var advisor = AdvisorCases.Advisor(static o => o.BytesPerSecond = o.RemoteTokensPerSecond = null);
        advisor.ObserveTransfer("slow", 1000, TimeSpan.FromSeconds(1));
        for (var i = 0; i < 3; i++) advisor.ObserveTransfer("fast", 1_000_000, TimeSpan.FromSeconds(1));
        Assert.Equal(1000, advisor.GetCosts("slow", out _).Transfer.PerSecond, 0.1);
        Assert.Equal(1_000_000, advisor.GetCosts("new", out var confidence).Transfer.PerSecond, 0.1);
        Assert.Equal(KvConfidence.Assumed, confidence);
        advisor.Forget("slow");
        Assert.Equal(1_000_000, advisor.GetCosts("slow", out _).Transfer.PerSecond, 0.1);
    }

    [Fact]
    public void Around_the_break_even_it_does_not_flap()
    {
        int Changes(double minGain)
        {
            using var advisor = AdvisorCases.Advisor(o => o.MinGain = minGain);
            var placements = Enumerable.Range(0, 100).Select(i => advisor.Advise(Peer, Long with { LocalQueuedTokens = 491 + (i % 2 * 10) - 5 }).Placement).ToArray();
            return placements.Zip(placements.Skip(1)).Count(static pair => pair.First != pair.Second);
        }
        Assert.Equal(99, Changes(0)); // 23.967 ms are 490.8 tokens
        Assert.Equal(0, Changes(0.05));
        using var kept = AdvisorCases.Advisor(static o => o.MinGain = 0.05);
        kept.Advise(Peer, Long);
        var advice = kept.Advise(Peer, Long with { LocalQueuedTokens = 500 });
        Assert.Equal((KvPlacement.Local, KvAdviceReason.GainTooSmall), (advice.Placement, advice.Reason));
        Assert.Equal(KvPlacement.Remote, kept.Advise(Peer, Long with { LocalQueuedTokens = 2000 }).Placement);
        Assert.Equal(KvAdviceReason.GainTooSmall, kept.Advise(Peer, Long with { LocalQueuedTokens = 480 }).Reason);
    }

    [Fact]
    public void Modes_full_hits_and_the_lack_of_a_peer_decide_first()
    {
        using var remote = AdvisorCases.Advisor(static o => o.Mode = KvAdvisorMode.AlwaysRemote);
        using var local = AdvisorCases.Advisor(static o => o.Mode = KvAdvisorMode.AlwaysLocal);
        using var auto = AdvisorCases.Advisor();
        Assert.Equal((KvPlacement.Remote, KvAdviceReason.Mode), Brief(remote.Advise(Peer, Long)));
        Assert.Equal((KvPlacement.Local, KvAdviceReason.Mode), Brief(local.Advise(Peer, Long with { LocalQueuedTokens = 1_000_000 })));
        Assert.True(local.Advise(Peer, Long).Estimate.Transfer > TimeSpan.Zero); // what would be is said all the same
        Assert.Equal((KvPlacement.Local, KvAdviceReason.NoPeer), Brief(remote.Advise(null, Long)));
        Assert.Equal((KvPlacement.Local, KvAdviceReason.CachedLocally), Brief(auto.Advise(Peer, Long with { LocalCachedTokens = 4096, LocalQueuedTokens = 1_000_000 })));
        Assert.Throws<ArgumentException>(() => auto.Advise(Peer, new KvPrompt(0)));
        Assert.Throws<ArgumentException>(() => auto.Advise("", Long));
        Assert.Throws<ArgumentOutOfRangeException>(() => auto.ObserveTransfer(Peer, 0, TimeSpan.FromSeconds(1)));
        Assert.Throws<ArgumentOutOfRangeException>(() => auto.ObserveLocalPrefill(1, TimeSpan.FromSeconds(-1)));
    }

    [Fact]
    public void After_many_in_a_row_the_other_side_is_tried_unless_it_is_far_worse()
    {
        using var advisor = AdvisorCases.Advisor(static o => o.ExploreEvery = 10);
        var advice = Enumerable.Range(0, 44).Select(_ => advisor.Advise(Peer, Long)).ToArray();
        Assert.Equal([10, 21, 32, 43], Enumerable.Range(0, 44).Where(i => advice[i].Placement == KvPlacement.Remote));
        Assert.All(advice.Where(static a => a.Placement == KvPlacement.Remote), static a => Assert.Equal(KvAdviceReason.Exploring, a.Reason));
        Assert.All(Enumerable.Range(0, 44), _ => Assert.Equal(KvPlacement.Local, advisor.Advise(Peer, Long with { RemoteQueuedTokens = 8000 }).Placement));
    }

    [Fact]
    public void A_side_that_was_not_used_for_long_is_tried_however_slow_it_was()
    {
        var time = new FakeTimeProvider();
        using var advisor = AdvisorCases.Advisor(o => (o.ExploreEvery, o.TimeProvider) = (1_000_000, time));
        var hopeless = Long with { RemoteQueuedTokens = 10_000_000 };
        Assert.Equal(KvPlacement.Local, advisor.Advise(Peer, hopeless).Placement);
        time.Advance(TimeSpan.FromMinutes(4));
        Assert.Equal(KvPlacement.Local, advisor.Advise(Peer, hopeless).Placement);
        time.Advance(TimeSpan.FromMinutes(2));
        Assert.Equal(KvPlacement.Local, advisor.Advise("just met", hopeless).Placement);
        Assert.Equal((KvPlacement.Remote, KvAdviceReason.Exploring), Brief(advisor.Advise(Peer, hopeless)));
        Assert.Equal((KvPlacement.Local, KvAdviceReason.Faster), Brief(advisor.Advise(Peer, hopeless)));
    }

    [Fact]
    public void Settings_that_cannot_be_are_refused()
    {
        Assert.Throws<ArgumentException>(() => AdvisorCases.Advisor(static o => o.BytesPerSecond = 0));
        Assert.Throws<ArgumentException>(() => AdvisorCases.Advisor(static o => o.LocalTokensPerSecond = double.NaN));
        Assert.Throws<ArgumentException>(() => AdvisorCases.Advisor(static o => o.MinGain = -1));
        Assert.Throws<ArgumentException>(() => AdvisorCases.Advisor(static o => o.MinObservations = 33));
        Assert.Throws<ArgumentException>(() => AdvisorCases.Advisor(static o => o.Mode = (KvAdvisorMode)7));
        Assert.Throws<ArgumentException>(() => AdvisorCases.Advisor(static o => o.ExploreAfter = TimeSpan.Zero));
    }

    [Fact]
    public void Advice_and_observations_allocate_nothing()
    {
        using var advisor = AdvisorCases.Advisor(static o => o.ExploreEvery = 3);
        var i = 0;
        void Round()
        {
            i++;
            advisor.ObserveLocalPrefill(100 + (i % 1000), TimeSpan.FromMilliseconds(10));
            advisor.ObserveRemotePrefill(Peer, 100 + (i % 1000), TimeSpan.FromMilliseconds(10));
            advisor.ObserveTransfer(Peer, 100_000 + i, TimeSpan.FromMilliseconds(10));
            advisor.ObserveDecodeStep(1 + (i % 9), TimeSpan.FromMilliseconds(10));
            advisor.Advise(Peer, new KvPrompt(100 + i) { LocalQueuedTokens = i % 77 });
        }
        for (var warm = 0; warm < 200; warm++) Round();
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var round = 0; round < 500; round++) Round();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void Every_advice_is_counted_also_when_many_ask_at_once()
    {
        using var advisor = AdvisorCases.Advisor(static o => (o.Name, o.ExploreEvery) = ("counted-" + Guid.NewGuid(), 5));
        var seen = new long[2];
        Parallel.For(0, 4000, i =>
        {
            advisor.ObserveTransfer($"p{i % 3}", 1_000_000 + i, TimeSpan.FromMilliseconds(1));
            Interlocked.Increment(ref seen[(int)advisor.Advise(i % 10 == 0 ? null : $"p{i % 3}", Long with { LocalQueuedTokens = i }).Placement]);
        });
        var counts = advisor.Snapshot();
        Assert.Equal((seen[0], seen[1]), (counts.Local, counts.Remote));
        Assert.Equal(400, counts.Count(KvPlacement.Local, KvAdviceReason.NoPeer));
        Assert.True(counts.Count(KvPlacement.Remote, KvAdviceReason.Faster) > 0);
        var metered = Meters.Collect("nixl.kv.advice", "nixl.advisor", advisor.Name);
        Assert.Equal(400, metered["local/no_peer"]);
        Assert.Equal(counts.Remote, metered.Where(static m => m.Key.StartsWith("remote/", StringComparison.Ordinal)).Sum(static m => m.Value));
        Assert.Equal(4000, metered.Values.Sum());
        advisor.Dispose();
        Assert.Empty(Meters.Collect("nixl.kv.advice", "nixl.advisor", advisor.Name));
    }

    private static (KvPlacement, KvAdviceReason) Brief(KvAdvice advice) => (advice.Placement, advice.Reason);
}
