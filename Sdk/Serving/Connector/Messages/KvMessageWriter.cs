using System.Buffers.Binary;
using System.Text;

namespace Nixl.Sdk.Serving;

/// <summary>Appends the fields of one message. Not thread-safe.</summary>
internal sealed class KvMessageWriter
{
    private byte[] _buffer = new byte[128];
    private int _length;

    public KvMessageWriter(KvMessageKind kind, byte version)
    {
        KvMessageFormat.Magic.CopyTo(Grow(4));
        Grow(1)[0] = version;
        Grow(1)[0] = (byte)kind;
    }

    public int Length => _length;

    public byte[] ToArray() => _buffer.AsSpan(0, _length).ToArray();

    public void U8(byte value) => Grow(1)[0] = value;

    public void U64(ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(Grow(8), value);

    public void Number(long value)
    {
        for (var rest = (ulong)value; ; rest >>= 7)
        {
            U8((byte)(rest < 128 ? rest : (rest & 127) | 128));
            if (rest < 128) return;
        }
    }

    public void Time(TimeSpan value) => Number((long)Math.Ceiling(value.TotalMilliseconds));

    public void Text(string value, int maxBytes)
    {
        var bytes = Encoding.UTF8.GetBytes(value);
        // A reason that is too long is still worth its beginning; names are checked where they come in.
        Bytes(bytes.Length <= maxBytes ? bytes : Encoding.UTF8.GetBytes(value[..(maxBytes / 4)]));
    }

    public void Bytes(ReadOnlySpan<byte> value)
    {
        Number(value.Length);
        value.CopyTo(Grow(value.Length));
    }

    /// <summary>Differences to the number before: neighbouring blocks take a byte each.</summary>
    public void Ids(ReadOnlySpan<int> ids)
    {
        Number(ids.Length);
        var before = -1;
        foreach (var id in ids)
        {
            var step = (long)id - before - 1;
            Number((step << 1) ^ (step >> 63));
            before = id;
        }
    }

    public void Sums(ReadOnlySpan<ulong> sums)
    {
        Number(sums.Length);
        foreach (var sum in sums) U64(sum);
    }

    private Span<byte> Grow(int count)
    {
        if (_buffer.Length - _length < count) Array.Resize(ref _buffer, Math.Max(_buffer.Length * 2, checked(_length + count)));
        var span = _buffer.AsSpan(_length, count);
        _length += count;
        return span;
    }
}
