namespace Nixl.Sdk.Samples.Model;

/// <summary>
/// A rectangle of a <see cref="Matrix"/>, which owns the memory and outlives the view: views are made where they are used and never kept.
/// </summary>
internal readonly unsafe struct MatrixView(float* data, int rows, int columns, int stride)
{
    internal int Rows => rows;

    internal int Columns => columns;

    /// <summary>The first element of a row. Not checked: the kernels' loops run over <see cref="Rows"/>.</summary>
    internal float* this[int row] => data + ((long)row * stride);

    /// <summary>Some of its columns.</summary>
    internal MatrixView ColumnsOf(int first, int count)
    {
        if (first < 0 || count < 0 || first > columns - count)
            throw new ArgumentOutOfRangeException(nameof(first), $"Columns [{first}, +{count}) of {columns}.");
        return new MatrixView(data + first, rows, count, stride);
    }
}
