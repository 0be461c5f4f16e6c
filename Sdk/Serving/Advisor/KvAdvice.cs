using System.Globalization;

namespace Nixl.Sdk.Serving;

/// <summary>Where to prefill a prompt, and why.</summary>
/// <param name="Placement">Where.</param>
/// <param name="Reason">Why.</param>
/// <param name="Confidence">Where the figures come from.</param>
/// <param name="Estimate">Both ways; all zero where <paramref name="Confidence"/> is <see cref="KvConfidence.Unknown"/>.</param>
public readonly record struct KvAdvice(KvPlacement Placement, KvAdviceReason Reason, KvConfidence Confidence, KvEstimate Estimate)
{
    /// <summary>For logs: the decision with its numbers. Allocates; nothing else of an advice does.</summary>
    public string Why => Reason switch
    {
        KvAdviceReason.NoPeer => "local: there is no peer to prefill",
        KvAdviceReason.Unknown => "remote: prefill or transfer was never measured and is not configured, so it is tried",
        KvAdviceReason.CachedLocally => "local: the whole prompt is cached",
        KvAdviceReason.Mode => $"{Side}: the mode says so{Numbers}",
        KvAdviceReason.Exploring => $"{Side}: tried, to see whether it has changed{Numbers}",
        KvAdviceReason.GainTooSmall => $"{Side}: the other side gains too little to change{Numbers}",
        _ => $"{Side}: faster{Numbers}",
    };

    private string Side => Placement == KvPlacement.Remote ? "remote" : "local";

    private string Numbers => Confidence == KvConfidence.Unknown ? "" : string.Create(CultureInfo.InvariantCulture,
        $"; TTFT {Estimate.Disaggregated.TotalMilliseconds:0.###} ms remote (of it {Estimate.ExposedTransfer.TotalMilliseconds:0.###} ms transfer of {Estimate.TransferBytes} bytes), {Estimate.Monolithic.TotalMilliseconds:0.###} ms local, {Estimate.Interference.TotalMilliseconds:0.###} ms interference ({Confidence})");
}
