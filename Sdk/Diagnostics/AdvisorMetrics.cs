using System.Diagnostics.Metrics;
using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Diagnostics;

/// <summary>What advisors have decided, in the meter "Nixl.Sdk": read from snapshots when somebody collects.</summary>
internal static class AdvisorMetrics
{
    private static readonly Watched<KvAdvisor> Advisors = new();

    static AdvisorMetrics() =>
        Instruments.Make(static meter => meter.CreateObservableCounter("nixl.kv.advice", Read, "{request}", "Prompts by where advisors have placed their prefill, and why"));

    public static void Add(KvAdvisor advisor) => Advisors.Add(advisor);

    public static void Remove(KvAdvisor advisor) => Advisors.Remove(advisor);

    private static IEnumerable<Measurement<long>> Read()
    {
        foreach (var advisor in Advisors.Living())
        {
            var counts = advisor.Snapshot();
            foreach (var reason in KvAdvisorSnapshot.Reasons)
            {
                foreach (var placement in (KvPlacement[])[KvPlacement.Remote, KvPlacement.Local])
                {
                    if (counts.Count(placement, reason) is > 0 and var count)
                        yield return new Measurement<long>(count, new("nixl.advisor", advisor.Name), new("nixl.kv.placement", Name(placement)), new("nixl.kv.reason", Name(reason)));
                }
            }
        }
    }

    private static string Name(KvPlacement placement) => placement == KvPlacement.Remote ? "remote" : "local";

    private static string Name(KvAdviceReason reason) => reason switch
    {
        KvAdviceReason.Faster => "faster",
        KvAdviceReason.GainTooSmall => "gain_too_small",
        KvAdviceReason.CachedLocally => "cached_locally",
        KvAdviceReason.Unknown => "unknown",
        KvAdviceReason.Exploring => "exploring",
        KvAdviceReason.NoPeer => "no_peer",
        KvAdviceReason.Mode => "mode",
        _ => "none",
    };
}
