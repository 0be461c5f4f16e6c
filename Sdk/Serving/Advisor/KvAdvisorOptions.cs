namespace Nixl.Sdk.Serving;

/// <summary>Settings of a <see cref="KvAdvisor"/>. Read once, when it is made. Figures that are given here count until enough was measured.</summary>
public sealed class KvAdvisorOptions
{
    /// <summary>Name in counters.</summary>
    public string Name { get; set; } = "kv";

    /// <summary>Who decides.</summary>
    public KvAdvisorMode Mode { get; set; }

    /// <summary>Local prefill, tokens per second; null: learned, until then as fast as remote.</summary>
    public double? LocalTokensPerSecond { get; set; }

    /// <summary>Remote prefill, tokens per second; null: learned, until then as fast as other peers or local prefill.</summary>
    public double? RemoteTokensPerSecond { get; set; }

    /// <summary>The way into one rank, bytes per second; null: learned, until then as fast as to other peers.</summary>
    public double? BytesPerSecond { get; set; }

    /// <summary>What a transfer costs beside its bytes, until it is measured.</summary>
    public TimeSpan TransferOverhead { get; set; }

    /// <summary>Whether producers write layer by layer while they compute (<see cref="KvPush.WriteLayerAsync"/>).</summary>
    public bool LayerByLayer { get; set; }

    /// <summary>What a second of standstill of one running sequence is worth; see <see cref="KvCosts.Interference"/>. 0.</summary>
    public double Interference { get; set; }

    /// <summary>The share of the monolithic TTFT by which the other side must be better to be changed to. 0.05, so that equal sides do not flap.</summary>
    public double MinGain { get; set; } = 0.05;

    /// <summary>Observations from which on a figure counts as measured, at most 32. 4.</summary>
    public int MinObservations { get; set; } = 4;

    /// <summary>After so many requests in a row on one side the other is tried once, unless it seems more than twice as slow. 64; 0 switches
    /// this off, and <see cref="ExploreAfter"/>, too.</summary>
    public int ExploreEvery { get; set; } = 64;

    /// <summary>A side that was not used for so long is tried once, however slow it seemed: what made it slow may be over. 5 minutes.</summary>
    public TimeSpan ExploreAfter { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>The clock of <see cref="ExploreAfter"/>.</summary>
    public TimeProvider TimeProvider { get; set; } = TimeProvider.System;

    internal void Check()
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(Name);
        ArgumentNullException.ThrowIfNull(TimeProvider);
        if (!Enum.IsDefined(Mode)) throw new ArgumentException($"Mode {Mode} is none of {string.Join(", ", Enum.GetNames<KvAdvisorMode>())}.");
        foreach (var rate in (ReadOnlySpan<double?>)[LocalTokensPerSecond, RemoteTokensPerSecond, BytesPerSecond])
            if (rate is { } given && !(given > 0)) throw new ArgumentException($"A rate of {given} per second: give more than 0, or null to have it learned.");
        if (!(Interference >= 0) || !(MinGain >= 0) || double.IsInfinity(Interference) || double.IsInfinity(MinGain)) throw new ArgumentException($"Interference ({Interference}) and MinGain ({MinGain}) cannot be negative.");
        if (MinObservations is < 1 or > RunningRate.Window) throw new ArgumentException($"MinObservations ({MinObservations}) must lie in 1 … {RunningRate.Window}, which is what is remembered.");
        ArgumentOutOfRangeException.ThrowIfNegative(ExploreEvery);
        if (TransferOverhead < TimeSpan.Zero || ExploreAfter <= TimeSpan.Zero) throw new ArgumentException($"TransferOverhead ({TransferOverhead}) cannot be negative, and ExploreAfter ({ExploreAfter}) must be more than nothing.");
    }
}
