namespace Nixl.Sdk.Serving;

/// <summary>
/// A sender's declaration of what it has written: the same byte range in each of some blocks of each of some layers. Layers are ordinals
/// in the sender's <see cref="ArrivalPart.Layers"/>, blocks are positions in the lease (cached ones counted), bytes are of the sender's own
/// share of one layer of one block. What a block receives in pieces should join soon: far more separate ranges than one in 256 bytes are
/// refused (<see cref="LeaseAnswer.Malformed"/>).
/// </summary>
/// <param name="Layer">The first layer.</param>
/// <param name="Layers">Layers, at least 1.</param>
/// <param name="Block">The first block.</param>
/// <param name="Blocks">Blocks, at least 1.</param>
/// <param name="Offset">The first byte.</param>
/// <param name="Length">Bytes, at least 1; <see cref="ArrivalPart.BytesPerLayer"/> for whole ones.</param>
public readonly record struct ArrivalRun(int Layer, int Layers, int Block, int Blocks, long Offset, long Length);
