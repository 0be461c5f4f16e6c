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

    internal Span<float> Row(int row) => _buffer.Slice((long)row * _stride, Columns);

    public void Dispose() => _buffer.Dispose();
}
