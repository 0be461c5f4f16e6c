namespace Nixl.Sdk.Serving;

/// <summary>What a prompt would take on both ways, by <see cref="KvCostModel"/>.</summary>
public readonly record struct KvEstimate
{
    /// <summary>Bytes that would move into one rank.</summary>
    public long TransferBytes { get; init; }

    /// <summary>T_prefill on the decoding engine: the tokens that are not cached there.</summary>
    public TimeSpan LocalPrefill { get; init; }

    /// <summary>T_prefill on the prefilling engine: the tokens that are not cached there.</summary>
    public TimeSpan RemotePrefill { get; init; }

    /// <summary>What is queued before it on the decoding engine.</summary>
    public TimeSpan LocalQueue { get; init; }

    /// <summary>What is queued before it on the prefilling engine.</summary>
    public TimeSpan RemoteQueue { get; init; }

    /// <summary>T_kv_transfer: all of it, whether anybody waits for it or not.</summary>
    public TimeSpan Transfer { get; init; }

    /// <summary>The part of <see cref="Transfer"/> that is left when the prefill has ended.</summary>
    public TimeSpan ExposedTransfer { get; init; }

    /// <summary>T_first_decode_step.</summary>
    public TimeSpan FirstDecodeStep { get; init; }

    /// <summary>What local prefill does to the running sequences, weighed by <see cref="KvCosts.Interference"/>; no part of a TTFT.</summary>
    public TimeSpan Interference { get; init; }

    /// <summary>TTFT if the prompt is prefilled where it is decoded.</summary>
    public TimeSpan Monolithic => LocalQueue + LocalPrefill + FirstDecodeStep;

    /// <summary>TTFT if it is prefilled remotely.</summary>
    public TimeSpan Disaggregated => RemoteQueue + RemotePrefill + ExposedTransfer + FirstDecodeStep;

    /// <summary>T_scheduling_savings: all that remote prefill saves, before the transfer is paid.</summary>
    public TimeSpan SchedulingSavings => Monolithic + Interference - (Disaggregated - ExposedTransfer);

    /// <summary>What remote prefill gains: positive if it pays, that is if <see cref="ExposedTransfer"/> is less than <see cref="SchedulingSavings"/>.</summary>
    public TimeSpan Gain => SchedulingSavings - ExposedTransfer;
}
