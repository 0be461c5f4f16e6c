using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Tests.Serving;

/// <summary>A lease as <see cref="ReferencePool"/> sees it.</summary>
internal sealed class ReferenceLease
{
    public required BlockLease Real { get; init; }

    public required List<int> Blocks { get; init; }

    public int Cached { get; init; }

    /// <summary>Reserved, Quiesced (others were let in) or Ready.</summary>
    public BlockState Content { get; set; }

    public bool IsDisposed { get; set; }

    public bool IsExpired { get; set; }

    public int? Expected { get; set; }

    public ArrivalPolicy Policy { get; set; }

    public TimeSpan UnwantedSince { get; set; }

    public List<ReferenceGrant> Open { get; } = [];

    /// <summary>Half layers of blocks that have come: part, layer, block, half.</summary>
    public HashSet<(int Part, int Layer, int Block, int Half)> Came { get; } = [];

    public bool IsUnwanted => IsDisposed || IsExpired;

    public IEnumerable<ReferenceGrant> Writers => Open.Where(grant => grant.Access == BlockAccess.Write);

    public IEnumerable<ReferenceGrant> Readers => Open.Where(grant => grant.Access == BlockAccess.Read);

    public BlockState State =>
        Open.Count > 0 ? (IsUnwanted ? BlockState.Quarantined : BlockState.InFlight) : IsDisposed ? BlockState.Free : Content;

    /// <summary>Indices of the blocks that it keeps from becoming free.</summary>
    public IEnumerable<int> Held() => Enumerable.Range(0, Blocks.Count).Where(i => !IsDisposed || MayBeTouched(i));

    public bool IsTouched(int block) => Held().Any(i => Blocks[i] == block && MayBeTouched(i));

    public bool HasPart(int part) => Expected is { } expected
        && Enumerable.Range(0, BlockModel.Layers).All(layer => Enumerable.Range(0, expected).All(block => HasBlock(part, layer, block)));

    public bool HasAll(int block) =>
        Enumerable.Range(0, BlockModel.Parts).All(part => Enumerable.Range(0, BlockModel.Layers).All(layer => HasBlock(part, layer, block)));

    public IEnumerable<int> Missing() => Enumerable.Range(0, Expected ?? 0).Where(block => !HasAll(block));

    private bool HasBlock(int part, int layer, int block) => block < Cached || (Came.Contains((part, layer, block, 0)) && Came.Contains((part, layer, block, 1)));

    private bool MayBeTouched(int index) => index < Cached ? Readers.Any() : Open.Count > 0;
}

/// <summary>A grant, or an operation of our own.</summary>
internal sealed class ReferenceGrant
{
    public required ReferenceLease Lease { get; init; }

    public LeaseGrant? Real { get; init; }

    public LeaseOperation? Operation { get; init; }

    public required PeerIdentity Peer { get; init; }

    public required BlockAccess Access { get; init; }

    public int Part { get; init; } = -1;

    public required int Number { get; init; }

    public TimeSpan Deadline { get; set; } = TimeSpan.MaxValue;

    public bool IsExpired { get; set; }

    public bool IsOpen => Lease.Open.Contains(this);
}
