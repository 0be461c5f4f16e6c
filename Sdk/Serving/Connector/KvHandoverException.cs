namespace Nixl.Sdk.Serving;

/// <summary>A cache was not handed over. Nothing of it is served; the message says why and what to do.</summary>
/// <param name="outcome">How it ended.</param>
/// <param name="message">What is wrong and what to do.</param>
/// <param name="innerException">The cause, if there is one.</param>
public sealed class KvHandoverException(KvOutcome outcome, string message, Exception? innerException = null)
    : NixlException(StatusOf(outcome), message, innerException)
{
    /// <summary>How it ended.</summary>
    public KvOutcome Outcome { get; } = outcome;

    private static NixlStatus StatusOf(KvOutcome outcome) => outcome switch
    {
        KvOutcome.Cancelled => NixlStatus.Canceled,
        KvOutcome.TimedOut or KvOutcome.Expired => NixlStatus.Timeout,
        KvOutcome.PeerLost => NixlStatus.RemoteDisconnect,
        KvOutcome.Refused => NixlStatus.NotAllowed,
        KvOutcome.Corrupted => NixlStatus.Mismatch,
        _ => NixlStatus.Backend,
    };
}
