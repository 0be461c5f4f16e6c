namespace Nixl.Sdk.Serving;

/// <summary>How often an advisor has decided what, and why.</summary>
public sealed class KvAdvisorSnapshot
{
    private readonly long[] _counts;

    internal KvAdvisorSnapshot(long[] counts) => _counts = counts;

    /// <summary>Remote prefill was advised.</summary>
    public long Remote => Sum(KvPlacement.Remote);

    /// <summary>Remote prefill was skipped.</summary>
    public long Local => Sum(KvPlacement.Local);

    /// <summary>Of them, for one reason.</summary>
    /// <param name="placement">The decision.</param>
    /// <param name="reason">Its reason.</param>
    public long Count(KvPlacement placement, KvAdviceReason reason) => _counts[Index(placement, reason)];

    internal static readonly KvAdviceReason[] Reasons = Enum.GetValues<KvAdviceReason>();

    internal static int Index(KvPlacement placement, KvAdviceReason reason) => ((int)placement * Reasons.Length) + (int)reason;

    private long Sum(KvPlacement placement) => Reasons.Sum(reason => Count(placement, reason));
}
