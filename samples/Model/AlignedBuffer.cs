using System.Runtime.InteropServices;

namespace Nixl.Sdk.Samples.Model;

/// <summary>
/// Floats in native memory, on a cache-line boundary, zeroed. Vectorised sums may take their elements in an order that depends
/// on the address; memory that never moves and rows that start on a boundary make every result depend on its operands alone.
/// Not thread-safe against <see cref="Dispose"/>.
/// </summary>
public sealed unsafe class AlignedBuffer : IDisposable
{
    /// <summary>Bytes on whose multiples buffers and rows begin.</summary>
    public const int Alignment = 64;

    private float* _data;

    /// <summary>Allocates <paramref name="length"/> floats.</summary>
    public AlignedBuffer(long length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        Length = length;
        var bytes = checked((nuint)Math.Max(1, length) * sizeof(float));
        _data = (float*)NativeMemory.AlignedAlloc(bytes, Alignment);
        NativeMemory.Clear(_data, bytes);
    }

    /// <summary>Frees the memory of a buffer that nobody disposed.</summary>
    ~AlignedBuffer() => Free();

    /// <summary>Number of floats.</summary>
    public long Length { get; }

    /// <summary>Address of the first float; valid until the buffer is disposed.</summary>
    public nint Address => (nint)Data;

    private float* Data => _data is null ? throw new ObjectDisposedException(nameof(AlignedBuffer)) : _data;

    /// <summary>Part of the buffer.</summary>
    public Span<float> Slice(long offset, int length)
    {
        if ((ulong)offset > (ulong)Length || length < 0 || length > Length - offset)
            throw new ArgumentOutOfRangeException(nameof(offset), $"[{offset}, +{length}) of {Length} floats.");
        return new Span<float>(Data + offset, length);
    }

    /// <summary>Elements from one row to the next, for rows of <paramref name="columns"/> floats that begin on a boundary.</summary>
    public static int Stride(int columns) => checked(columns + (Alignment / sizeof(float)) - 1) / (Alignment / sizeof(float)) * (Alignment / sizeof(float));

    /// <inheritdoc/>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        NativeMemory.AlignedFree(_data);
        _data = null;
    }
}
