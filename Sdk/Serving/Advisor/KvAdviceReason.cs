namespace Nixl.Sdk.Serving;

/// <summary>Why a prompt is prefilled where it is.</summary>
public enum KvAdviceReason
{
    /// <summary>That side has the first token earlier, by more than <see cref="KvAdvisorOptions.MinGain"/>.</summary>
    Faster = 0,

    /// <summary>The other side is not better by enough to leave the one that the last request with this peer took.</summary>
    GainTooSmall = 1,

    /// <summary>The whole prompt is in the local prefix cache: there is nothing to move and nothing to compute.</summary>
    CachedLocally = 2,

    /// <summary>Something is not known yet; see <see cref="KvAdvice.Confidence"/>. Remote, so that it becomes known.</summary>
    Unknown = 3,

    /// <summary>Tried although it seems slower, so that a change for the better is seen.</summary>
    Exploring = 4,

    /// <summary>There is no peer to prefill.</summary>
    NoPeer = 5,

    /// <summary><see cref="KvAdvisorOptions.Mode"/> says so.</summary>
    Mode = 6,
}
