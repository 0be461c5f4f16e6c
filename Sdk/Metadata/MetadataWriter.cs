using System.Buffers.Binary;
using System.Text;

namespace Nixl.Sdk.Metadata;

/// <summary>Appends the envelope's fields and fills in lengths afterwards. Not thread-safe; lives for one encoding.</summary>
internal sealed class MetadataWriter
{
    private byte[] _buffer = new byte[1024];
    private int _length;

    public int Length => _length;

    public ReadOnlySpan<byte> Written => _buffer.AsSpan(0, _length);

    public void U8(byte value) => Grow(1)[0] = value;

    public void U16(ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(Grow(2), value);

    public void U32(uint value) => BinaryPrimitives.WriteUInt32LittleEndian(Grow(4), value);

    public void U64(ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(Grow(8), value);

    public void I64(long value) => BinaryPrimitives.WriteInt64LittleEndian(Grow(8), value);

    public void Bytes(ReadOnlySpan<byte> value) => value.CopyTo(Grow(value.Length));

    public void Text(string value, string field, int maxBytes)
    {
        Check(value, field, maxBytes, allowLines: false);
        U16((ushort)Encoding.UTF8.GetByteCount(value));
        Utf8(value);
    }

    public void LongText(string value, string field, int maxBytes)
    {
        Check(value, field, maxBytes, allowLines: true);
        U32((uint)Encoding.UTF8.GetByteCount(value));
        Utf8(value);
    }

    public void Name(string value, string field)
    {
        if (!MetadataFormat.IsName(value))
            throw new ArgumentException($"{field} '{value}' is not a name ([A-Za-z0-9._-], 1 to 128 characters).");
        Text(value, field, MetadataFormat.MaxName);
    }

    /// <summary>Leaves room for a 32-bit length; <see cref="CloseLength"/> fills in the bytes written since.</summary>
    public int OpenLength()
    {
        U32(0);
        return _length;
    }

    public void CloseLength(int opened) => PatchU32(opened - 4, (uint)(_length - opened));

    public void PatchU32(int offset, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(_buffer.AsSpan(offset, 4), value);

    private void Utf8(string value) => Encoding.UTF8.GetBytes(value, Grow(Encoding.UTF8.GetByteCount(value)));

    private static void Check(string value, string field, int maxBytes, bool allowLines)
    {
        ArgumentNullException.ThrowIfNull(value, field);
        var bytes = Encoding.UTF8.GetByteCount(value);
        if (bytes > maxBytes) throw new ArgumentException($"{field} has {bytes} bytes of UTF-8; at most {maxBytes} are allowed.");
        if (!MetadataFormat.IsText(value, allowLines)) throw new ArgumentException($"{field} contains control characters.");
    }

    private Span<byte> Grow(int count)
    {
        if (_buffer.Length - _length < count)
            Array.Resize(ref _buffer, Math.Max(_buffer.Length * 2, checked(_length + count)));
        var span = _buffer.AsSpan(_length, count);
        _length += count;
        return span;
    }
}
