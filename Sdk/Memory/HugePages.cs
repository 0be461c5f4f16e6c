namespace Nixl.Sdk;

/// <summary>Whether a <see cref="MemoryArena"/> asks for huge pages. What it got is in <see cref="MemoryArena.PageSize"/>.</summary>
public enum HugePages
{
    /// <summary>Huge pages if the machine has them, else ordinary ones.</summary>
    Try = 0,

    /// <summary>Huge pages, or the arena is refused.</summary>
    Require = 1,

    /// <summary>Ordinary pages.</summary>
    Never = 2,
}
