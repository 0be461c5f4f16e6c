namespace Nixl.Sdk.Metadata;

/// <summary>One KV pool as its owner advertises it: its layout, the model it belongs to, and where its tensors lie.</summary>
/// <remarks>Immutable and thread-safe.</remarks>
public sealed class PoolAdvertisement
{
    /// <summary>The pool's name within its agent, [A-Za-z0-9._-]{1,128}.</summary>
    public required string Name { get; init; }

    /// <summary>The model whose cache it holds. Two fine-tunes of one model are two models.</summary>
    public required ModelIdentity Model { get; init; }

    /// <summary>The layout's canonical text, which a person can read and compare.</summary>
    public required string CanonicalText { get; init; }

    /// <summary>32 bytes over what must be equal on both sides: element types, shapes, quantisation.</summary>
    public required ReadOnlyMemory<byte> ContentHash { get; init; }

    /// <summary>32 bytes over how it lies in memory: order, block size, padding.</summary>
    public required ReadOnlyMemory<byte> PlacementHash { get; init; }

    /// <summary>Tensor-parallel ranks of the owner, at least 1.</summary>
    public int Tp { get; init; } = 1;

    /// <summary>The owner's tensor-parallel rank.</summary>
    public int TpRank { get; init; }

    /// <summary>Pipeline-parallel ranks of the owner, at least 1.</summary>
    public int Pp { get; init; } = 1;

    /// <summary>The owner's pipeline-parallel rank.</summary>
    public int PpRank { get; init; }

    /// <summary>The groups of layers, in the schema's order.</summary>
    public required IReadOnlyList<PoolGroupAdvertisement> Groups { get; init; }
}
