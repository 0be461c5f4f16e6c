namespace Nixl.Sdk.Serving;

/// <summary>The figures that <see cref="KvCostModel"/> reckons with.</summary>
public readonly record struct KvCosts
{
    /// <summary>Prefill on the decoding engine, in tokens.</summary>
    public KvRate LocalPrefill { get; init; }

    /// <summary>Prefill on the prefilling engine, in tokens.</summary>
    public KvRate RemotePrefill { get; init; }

    /// <summary>The way between them into one rank, in bytes; the overhead is what a request costs beside its bytes (messages, posting).</summary>
    public KvRate Transfer { get; init; }

    /// <summary>A decode step, in sequences. It is the same on both ways, so that it decides nothing; none counts as no time.</summary>
    public KvRate DecodeStep { get; init; }

    /// <summary>Whether layers are written while the next ones are computed, so that only what is not hidden behind the prefill is waited for.</summary>
    public bool LayerByLayer { get; init; }

    /// <summary>What a second of standstill of one running sequence is worth, in seconds of this request's time to first token. 0: nothing, only
    /// the request's own time counts.</summary>
    public double Interference { get; init; }
}
