namespace Nixl.Sdk.Serving;

/// <summary>Where the figures of an estimate come from; the least certain of them counts.</summary>
public enum KvConfidence
{
    /// <summary>One is missing: there is no estimate.</summary>
    Unknown = 0,

    /// <summary>Some come from the configuration, from another peer, or from the other side.</summary>
    Assumed = 1,

    /// <summary>Some come from fewer than <see cref="KvAdvisorOptions.MinObservations"/> observations.</summary>
    Learning = 2,

    /// <summary>All were measured.</summary>
    Measured = 3,
}
