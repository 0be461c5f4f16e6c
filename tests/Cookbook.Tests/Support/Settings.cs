using Xunit;

namespace Nixl.Sdk.Cookbook.Tests.Support;

/// <summary>Where a pool's memory comes from.</summary>
public enum Memory
{
    /// <summary>The pool allocates it: one arena.</summary>
    Allocated,

    /// <summary>It is the engine's own: tensors anywhere, with gaps between them.</summary>
    Bound,

    /// <summary>The same, one tensor right behind the other: carved out of one allocation.</summary>
    Carved,
}

/// <summary>What every layout is moved over.</summary>
public static class Settings
{
    public static TheoryData<NixlTransports, Memory> All => new()
    {
        { NixlTransports.Loopback, Memory.Allocated },
        { NixlTransports.Loopback, Memory.Bound },
        { NixlTransports.Local, Memory.Allocated },
        { NixlTransports.Local, Memory.Bound },
        { NixlTransports.Local, Memory.Carved },
    };
}
