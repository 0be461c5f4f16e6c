namespace Nixl.Sdk.Samples.Model;

/// <summary>How tensor parallelism cuts a weight [rows = outputs, columns = inputs].</summary>
public enum WeightCut
{
    /// <summary>Every rank has all of it.</summary>
    None,

    /// <summary>By outputs (column-parallel): a rank's rows lie together.</summary>
    Rows,

    /// <summary>By inputs (row-parallel): a rank has a part of every row.</summary>
    Columns,
}

/// <summary>
/// A weight as floats in memory, or a rank's part of it: rows [FirstRow, +RowCount) and columns [FirstColumn, +ColumnCount) of a tensor
/// [Rows, Columns]. The memory is the model's.
/// </summary>
/// <param name="Name">Its Hugging Face name.</param>
/// <param name="Cut">How it is cut.</param>
/// <param name="Rows">Rows of the whole tensor; 1 for a vector.</param>
/// <param name="Columns">Columns of the whole tensor.</param>
/// <param name="FirstRow">First row that is here.</param>
/// <param name="RowCount">Rows that are here.</param>
/// <param name="FirstColumn">First column that is here.</param>
/// <param name="ColumnCount">Columns that are here.</param>
/// <param name="Address">Address of the first element that is here.</param>
/// <param name="RowStride">Bytes from row to row.</param>
public sealed record WeightTensor(
    string Name, WeightCut Cut, int Rows, int Columns, int FirstRow, int RowCount, int FirstColumn, int ColumnCount, nint Address, long RowStride)
{
    /// <summary>Bytes of one row that are here, without what fills it up to the next.</summary>
    public long RowBytes => (long)ColumnCount * sizeof(float);

    /// <summary>Bytes from the first element to behind the last.</summary>
    public long Span => ((RowCount - 1) * RowStride) + RowBytes;

    /// <summary>The elements of a row that are here; row 0 is <see cref="FirstRow"/>. Valid until the model is disposed.</summary>
    public unsafe Span<float> Row(int row) => (uint)row < (uint)RowCount
        ? new Span<float>((void*)(Address + (nint)(row * RowStride)), ColumnCount)
        : throw new ArgumentOutOfRangeException(nameof(row), $"Row {row} of {RowCount} of {Name}.");

    /// <summary>Part <paramref name="index"/> of <paramref name="parts"/> of <paramref name="count"/> rows or columns; the parts differ by one at most.</summary>
    public static (int First, int Count) Part(int count, int index, int parts)
    {
        int first = (int)((long)count * index / parts), end = (int)((long)count * (index + 1) / parts);
        return (first, end - first);
    }
}
