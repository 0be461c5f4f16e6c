namespace Nixl.Sdk.Serving;

/// <summary>Settings of a <see cref="KvPeerLink"/>. Read once, when it is made.</summary>
public sealed class KvPeerLinkOptions
{
    /// <summary>The pool's name at the peer; null for the local pool's own.</summary>
    public string? Pool { get; set; }

    /// <summary>The longest that one attempt may take, metadata and connection together. 10 s; at most an hour.</summary>
    public TimeSpan AttemptTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>The pause after the first attempt that fails. 100 ms.</summary>
    public TimeSpan FirstBackoff { get; set; } = TimeSpan.FromMilliseconds(100);

    /// <summary>Each pause is so many times the one before. 2; from 1 to 10.</summary>
    public double BackoffFactor { get; set; } = 2;

    /// <summary>The longest pause. 10 s; at most an hour.</summary>
    public TimeSpan MaxBackoff { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Each pause is shortened at random by up to this share, so that the ranks of many engines do not ask at the same moment. 0.2; from
    /// 0 to 1.</summary>
    public double Jitter { get; set; } = 0.2;

    /// <summary>The clock of pauses and deadlines.</summary>
    public TimeProvider TimeProvider { get; set; } = TimeProvider.System;

    internal void Check()
    {
        ArgumentNullException.ThrowIfNull(TimeProvider);
        Within(AttemptTimeout, nameof(AttemptTimeout));
        Within(FirstBackoff, nameof(FirstBackoff));
        Within(MaxBackoff, nameof(MaxBackoff));
        if (MaxBackoff < FirstBackoff) throw new ArgumentException($"MaxBackoff ({MaxBackoff}) must not be shorter than FirstBackoff ({FirstBackoff}).");
        if (!(BackoffFactor is >= 1 and <= 10)) throw new ArgumentOutOfRangeException(nameof(BackoffFactor), BackoffFactor, "BackoffFactor is from 1 to 10.");
        if (!(Jitter is >= 0 and <= 1)) throw new ArgumentOutOfRangeException(nameof(Jitter), Jitter, "Jitter is from 0 to 1.");
    }

    private static void Within(TimeSpan value, string name)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(value, TimeSpan.FromMilliseconds(1), name);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value, TimeSpan.FromHours(1), name);
    }
}
