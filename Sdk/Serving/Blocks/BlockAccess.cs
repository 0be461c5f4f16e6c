namespace Nixl.Sdk.Serving;

/// <summary>What somebody may do to a lease's blocks.</summary>
public enum BlockAccess
{
    /// <summary>Read them all.</summary>
    Read = 0,

    /// <summary>Write those that did not come out of the prefix cache.</summary>
    Write = 1,
}
