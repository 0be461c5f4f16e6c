using System.Buffers.Binary;
using System.Text;

namespace Nixl.Sdk.Metadata;

/// <summary>
/// Walks bytes that nobody vouches for. Every read checks what is left first, so nothing is allocated from a length or a
/// count that the input merely claims: a string or an array is made only once its bytes are known to be there.
/// </summary>
internal ref struct MetadataReader
{
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly ReadOnlySpan<byte> _bytes;
    private readonly int _origin; // of _bytes[0] in the whole metadata, for messages
    private int _position;

    public MetadataReader(ReadOnlySpan<byte> bytes, int origin)
    {
        _bytes = bytes;
        _origin = origin;
    }

    public readonly int Remaining => _bytes.Length - _position;

    public readonly int Offset => _origin + _position;

    public byte U8(string field) => Take(1, field)[0];

    public ushort U16(string field) => BinaryPrimitives.ReadUInt16LittleEndian(Take(2, field));

    public uint U32(string field) => BinaryPrimitives.ReadUInt32LittleEndian(Take(4, field));

    public ulong U64(string field) => BinaryPrimitives.ReadUInt64LittleEndian(Take(8, field));

    public long I64(string field) => BinaryPrimitives.ReadInt64LittleEndian(Take(8, field));

    public ReadOnlySpan<byte> Take(int count, string field)
    {
        if ((uint)count > (uint)Remaining)
            throw Fail(field, Offset, $"it needs {(uint)count} bytes and {Remaining} are left; the metadata is truncated or a length is wrong");
        var taken = _bytes.Slice(_position, count);
        _position += count;
        return taken;
    }

    /// <summary>A reader over the next <paramref name="length"/> bytes, which this reader then has behind it.</summary>
    public MetadataReader Sub(uint length, string field)
    {
        var origin = Offset;
        return new MetadataReader(Take(CheckedLength(length, field), field), origin);
    }

    /// <summary>A string whose length comes first, in 16 bits.</summary>
    public string Text(string field, int maxBytes)
    {
        var start = Offset;
        return Decode(U16(field), start, maxBytes, field, allowLines: false);
    }

    /// <summary>A text of several lines whose length comes first, in 32 bits.</summary>
    public string LongText(string field, int maxBytes)
    {
        var start = Offset;
        return Decode(U32(field), start, maxBytes, field, allowLines: true);
    }

    public string Name(string field)
    {
        var start = Offset;
        var name = Text(field, MetadataFormat.MaxName);
        return MetadataFormat.IsName(name)
            ? name
            : throw Fail(field, start, "it is not a name ([A-Za-z0-9._-], 1 to 128 characters)");
    }

    /// <summary>A number that must lie within bounds.</summary>
    public static ulong Bounded(ulong value, ulong min, ulong max, string field, int start) =>
        value >= min && value <= max ? value : throw Fail(field, start, $"{value} is not between {min} and {max}");

    public static MetadataException Fail(string field, int offset, string what) => new(field, offset, what);

    private string Decode(uint length, int start, int maxBytes, string field, bool allowLines)
    {
        if (length > (uint)maxBytes) throw Fail(field, start, $"{length} bytes are more than the {maxBytes} allowed");
        var bytes = Take((int)length, field);
        string text;
        try
        {
            text = StrictUtf8.GetString(bytes);
        }
        catch (DecoderFallbackException)
        {
            throw Fail(field, start, "it is not valid UTF-8");
        }
        return MetadataFormat.IsText(text, allowLines) ? text : throw Fail(field, start, "it contains control characters");
    }

    private readonly int CheckedLength(uint length, string field) =>
        length <= (uint)Remaining ? (int)length : throw Fail(field, Offset, $"it claims {length} bytes and {Remaining} are left");
}
