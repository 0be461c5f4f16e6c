using System.ComponentModel.DataAnnotations;

namespace Nixl.Sdk.Hosting;

/// <summary>The rank that an agent serves; becomes a <see cref="KvParallel"/>.</summary>
/// <remarks>Not thread-safe while being filled; only read once the host has started.</remarks>
public sealed class NixlParallelOptions
{
    /// <summary>Tensor-parallel ranks. [1]</summary>
    [Range(1, 65536)]
    public int Tp { get; set; } = 1;

    /// <summary>The tensor-parallel rank. [0]</summary>
    [Range(0, 65535)]
    public int TpRank { get; set; }

    /// <summary>Pipeline-parallel ranks. [1]</summary>
    [Range(1, 65536)]
    public int Pp { get; set; } = 1;

    /// <summary>The pipeline-parallel rank. [0]</summary>
    [Range(0, 65535)]
    public int PpRank { get; set; }

    internal KvParallel ToParallel() => new(Tp, TpRank, Pp, PpRank);
}
