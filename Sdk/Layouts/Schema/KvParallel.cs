namespace Nixl.Sdk;

/// <summary>Which part of the model a process holds. Immutable, compared by value.</summary>
/// <param name="Tp">The tensor-parallel size, at least 1.</param>
/// <param name="TpRank">The rank within it, from 0.</param>
/// <param name="Pp">The pipeline-parallel size, at least 1.</param>
/// <param name="PpRank">The stage within it, from 0.</param>
#if NIXL_GENERATOR
internal
#else
public
#endif
sealed record KvParallel(int Tp = 1, int TpRank = 0, int Pp = 1, int PpRank = 0)
{
    /// <summary>One process holds everything.</summary>
    public static KvParallel Single { get; } = new();
}
