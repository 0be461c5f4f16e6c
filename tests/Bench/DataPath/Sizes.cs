namespace Nixl.Sdk.Bench.DataPath;

/// <summary>How much is moved, and how often: 160 MiB is the KV cache of an 8K prompt of a small model, or one rank's part of a large one's.</summary>
/// <param name="Quick">Smaller and fewer, of the same shape.</param>
internal readonly record struct Sizes(bool Quick)
{
    public const int SmallPiece = 4096;

    public long Bytes => Quick ? 40L << 20 : 160L << 20;

    public int SmallPieces => (int)(Bytes / SmallPiece);

    public int Rounds => Quick ? 5 : 9;

    /// <summary>For a benchmark whose name ends so: `random4k` in pieces of 4 KiB, else one piece.</summary>
    public int Pieces(string name) => name.EndsWith("random4k", StringComparison.Ordinal) ? SmallPieces : 1;

    public string Describe(int pieces) => pieces == 1 ? $"1 x {Bytes >> 20} MiB" : $"{pieces} x {Bytes / pieces >> 10} KiB, random blocks on both sides";
}
