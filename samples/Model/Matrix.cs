namespace Nixl.Sdk.Samples.Model;

/// <summary>Rows of floats, each on a cache-line boundary. Weights [out, in] and activations [token, feature].</summary>
internal sealed class Matrix : IDisposable
{
    private readonly AlignedBuffer _buffer;
    private readonly int _stride;

    internal Matrix(int rows, int columns)
    {
        Rows = rows;
        Columns = columns;
        _stride = AlignedBuffer.Stride(columns);
        _buffer = new AlignedBuffer(checked((long)rows * _stride));
    }

    internal int Rows { get; }

    internal int Columns { get; }

    /// <summary>Address of the first element; valid until disposed.</summary>
    internal nint Address => _buffer.Address;

    /// <summary>Bytes from row to row.</summary>
    internal long RowStride => (long)_stride * sizeof(float);

    internal Span<float> Row(int row) => _buffer.Slice((long)row * _stride, Columns);

    /// <summary>The whole matrix.</summary>
    internal MatrixView View() => View(0, Rows, 0, Columns);

    /// <summary>Some of its rows: a column-parallel shard of a weight [out, in], or the first tokens of an activation.</summary>
    internal MatrixView RowsOf(int first, int count) => View(first, count, 0, Columns);

    /// <summary>Some of its columns: a row-parallel shard of a weight [out, in].</summary>
    internal MatrixView ColumnsOf(int first, int count) => View(0, Rows, first, count);

    public void Dispose() => _buffer.Dispose();

    private unsafe MatrixView View(int row, int rows, int column, int columns)
    {
        if (row < 0 || rows < 0 || row > Rows - rows || column < 0 || columns < 0 || column > Columns - columns)
            throw new ArgumentOutOfRangeException(nameof(row), $"Rows [{row}, +{rows}), columns [{column}, +{columns}) of [{Rows}, {Columns}].");
        return new MatrixView((float*)_buffer.Address + ((long)row * _stride) + column, rows, columns, _stride);
    }
}
