using System.IO.Hashing;
using System.Runtime.InteropServices;
using Nixl.Sdk.Samples.Model;

namespace Nixl.Sdk.Samples.Weights;

/// <summary>
/// Checksums of tensors (XXH128, which notices damage, not malice). A tensor that tensor parallelism cuts has one for each of the smallest
/// parts that any number of ranks makes of it, so that every rank can check what it has read without the rest.
/// </summary>
internal static class WeightChecksum
{
    /// <summary>Parts of a tensor that have a checksum each.</summary>
    internal static int Parts(WeightCut cut, LlamaConfig config) => cut == WeightCut.None ? 1 : config.ReduceGroups;

    /// <summary>The checksum of one part of what is here of a tensor.</summary>
    /// <param name="tensor">A whole tensor, or a rank's part that contains the one that is asked for.</param>
    /// <param name="part">The part's number in the whole tensor.</param>
    /// <param name="parts">Into how many it is cut.</param>
    internal static string Of(WeightTensor tensor, int part, int parts)
    {
        var (firstRow, rows) = tensor.Cut == WeightCut.Rows ? WeightTensor.Part(tensor.Rows, part, parts) : (0, tensor.Rows);
        var (firstColumn, columns) = tensor.Cut == WeightCut.Columns ? WeightTensor.Part(tensor.Columns, part, parts) : (0, tensor.Columns);
        var hash = new XxHash128();
        for (var row = firstRow; row < firstRow + rows; row++)
            hash.Append(MemoryMarshal.AsBytes(tensor.Row(row - tensor.FirstRow).Slice(firstColumn - tensor.FirstColumn, columns)));
        return Convert.ToHexStringLower(hash.GetCurrentHash());
    }

    internal static string Of(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(XxHash128.Hash(bytes));
}
