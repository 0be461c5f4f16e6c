using System.Buffers.Binary;

namespace Nixl.Sdk.Metadata;

internal enum ExchangeFrameKind : byte
{
    Hello = 1,
    Challenge = 2,
    Request = 3,
    Metadata = 4,
    Reject = 5,
}

/// <summary>
/// One message on the wire: u32 length of what follows (little-endian), u8 kind, body. A reader names the largest body that
/// it accepts for the message it waits for, and allocates only as bytes arrive.
/// </summary>
internal static class ExchangeFrame
{
    /// <summary>Bound of every message but the metadata itself: nothing bigger is read from a peer that has proved nothing.</summary>
    public const int SmallBody = 1024;

    private const int HeaderBytes = 5;
    private const int ReadStep = 64 * 1024;

    public static async ValueTask WriteAsync(Stream stream, ExchangeFrameKind kind, ReadOnlyMemory<byte> body, CancellationToken cancellationToken)
    {
        var frame = new byte[HeaderBytes + body.Length];
        BinaryPrimitives.WriteUInt32LittleEndian(frame, (uint)(body.Length + 1));
        frame[4] = (byte)kind;
        body.CopyTo(frame.AsMemory(HeaderBytes));
        await stream.WriteAsync(frame, cancellationToken).ConfigureAwait(false);
        await stream.FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    public static async ValueTask<(ExchangeFrameKind Kind, byte[] Body)> ReadAsync(Stream stream, int maxBody, CancellationToken cancellationToken)
    {
        var header = new byte[HeaderBytes];
        await stream.ReadExactlyAsync(header, cancellationToken).ConfigureAwait(false);
        var length = BinaryPrimitives.ReadUInt32LittleEndian(header);
        if (length == 0 || length - 1 > (uint)maxBody)
            throw new InvalidDataException($"a frame claims {length} bytes; at most {maxBody + 1} are accepted here");
        var remaining = (int)length - 1;

        // A claimed length is believed one step at a time, so an idle attacker costs 64 KiB and not MaxBytes.
        var body = new byte[Math.Min(remaining, ReadStep)];
        var read = 0;
        while (true)
        {
            await stream.ReadExactlyAsync(body.AsMemory(read), cancellationToken).ConfigureAwait(false);
            read = body.Length;
            if (read == remaining) return ((ExchangeFrameKind)header[4], body);
            Array.Resize(ref body, (int)Math.Min(remaining, 2L * read));
        }
    }
}
