namespace Nixl.Sdk.Serving;

/// <summary>Where a prompt is prefilled.</summary>
public enum KvPlacement
{
    /// <summary>On the engine that decodes it.</summary>
    Local = 0,

    /// <summary>On another engine, whose cache is then moved.</summary>
    Remote = 1,
}
