using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Nixl.Sdk.Metadata;

/// <summary>The messages of the direct exchange and the proofs in them; no I/O, so that a test can feed it anything.</summary>
/// <remarks>
/// <code>
/// client → HELLO     magic, version, client nonce
/// server → CHALLENGE version, server nonce, proof of the key over both nonces (zeros without a key)
/// client → REQUEST   proof over both nonces and the agent's name, the name
/// server → METADATA  proof over both nonces and the bytes, the bytes        or  REJECT code, text
/// </code>
/// The proofs differ in their label, so that none can be reflected, and none is sent to an end that has not first given a
/// fresh nonce. The client proves nothing to a server whose proof is wrong.
/// </remarks>
internal static class ExchangeHandshake
{
    public const int NonceBytes = 32;
    public const int ProofBytes = 32;
    public const ushort Version = 1;
    private const uint Magic = 0x58444D4E; // "NMDX"

    private const int HelloBytes = 4 + 2 + NonceBytes;
    private const int ChallengeBytes = 2 + NonceBytes + ProofBytes;

    public static byte[] Hello(ReadOnlySpan<byte> clientNonce)
    {
        var body = new byte[HelloBytes];
        BinaryPrimitives.WriteUInt32LittleEndian(body, Magic);
        BinaryPrimitives.WriteUInt16LittleEndian(body.AsSpan(4), Version);
        clientNonce.CopyTo(body.AsSpan(6));
        return body;
    }

    public static byte[] ReadHello(ReadOnlySpan<byte> body)
    {
        if (body.Length < HelloBytes || BinaryPrimitives.ReadUInt32LittleEndian(body) != Magic)
            throw new InvalidDataException("the client does not speak the metadata exchange's protocol");
        var version = BinaryPrimitives.ReadUInt16LittleEndian(body[4..]);
        if (version != Version) throw new InvalidDataException($"the client speaks version {version} of the exchange and this side {Version}");
        return body.Slice(6, NonceBytes).ToArray();
    }

    public static byte[] Challenge(ReadOnlyMemory<byte> key, ReadOnlySpan<byte> clientNonce, ReadOnlySpan<byte> serverNonce)
    {
        var body = new byte[ChallengeBytes];
        BinaryPrimitives.WriteUInt16LittleEndian(body, Version);
        serverNonce.CopyTo(body.AsSpan(2));
        Prove(key, "nixl-exchange-1 server", clientNonce, serverNonce, [], body.AsSpan(2 + NonceBytes));
        return body;
    }

    /// <summary>Returns the server's nonce; throws if its proof is wrong.</summary>
    public static byte[] ReadChallenge(ReadOnlyMemory<byte> key, ReadOnlySpan<byte> clientNonce, ReadOnlySpan<byte> body)
    {
        if (body.Length < ChallengeBytes) throw new InvalidDataException("the challenge is too short");
        var version = BinaryPrimitives.ReadUInt16LittleEndian(body);
        if (version != Version) throw new InvalidDataException($"the server speaks version {version} of the exchange and this side {Version}");
        var nonce = body.Slice(2, NonceBytes).ToArray();
        if (!Check(key, "nixl-exchange-1 server", clientNonce, nonce, [], body.Slice(2 + NonceBytes, ProofBytes)))
            throw new ExchangeAuthenticationException("the server did not prove that it has this side's pre-shared key; configure the same key on both sides");
        return nonce;
    }

    public static byte[] Request(ReadOnlyMemory<byte> key, ReadOnlySpan<byte> clientNonce, ReadOnlySpan<byte> serverNonce, string agent)
    {
        var name = Encoding.ASCII.GetBytes(agent);
        var body = new byte[ProofBytes + name.Length];
        Prove(key, "nixl-exchange-1 client", clientNonce, serverNonce, name, body);
        name.CopyTo(body.AsSpan(ProofBytes));
        return body;
    }

    /// <summary>Returns the agent's name; throws if the client's proof is wrong.</summary>
    public static string ReadRequest(ReadOnlyMemory<byte> key, ReadOnlySpan<byte> clientNonce, ReadOnlySpan<byte> serverNonce, ReadOnlySpan<byte> body)
    {
        if (body.Length <= ProofBytes) throw new InvalidDataException("the request is too short");
        var name = body[ProofBytes..];
        if (!Check(key, "nixl-exchange-1 client", clientNonce, serverNonce, name, body[..ProofBytes]))
            throw new ExchangeAuthenticationException("the client did not prove that it has the pre-shared key");
        var agent = Encoding.ASCII.GetString(name);
        return MetadataFormat.IsName(agent) ? agent : throw new InvalidDataException("the request does not name an agent");
    }

    public static byte[] Metadata(ReadOnlyMemory<byte> key, ReadOnlySpan<byte> clientNonce, ReadOnlySpan<byte> serverNonce, ReadOnlySpan<byte> metadata)
    {
        var body = new byte[ProofBytes + metadata.Length];
        Prove(key, "nixl-exchange-1 data", clientNonce, serverNonce, metadata, body);
        metadata.CopyTo(body.AsSpan(ProofBytes));
        return body;
    }

    public static byte[] ReadMetadata(ReadOnlyMemory<byte> key, ReadOnlySpan<byte> clientNonce, ReadOnlySpan<byte> serverNonce, ReadOnlySpan<byte> body)
    {
        if (body.Length <= ProofBytes) throw new InvalidDataException("the metadata is empty");
        var metadata = body[ProofBytes..];
        return Check(key, "nixl-exchange-1 data", clientNonce, serverNonce, metadata, body[..ProofBytes])
            ? metadata.ToArray()
            : throw new ExchangeAuthenticationException("the metadata was changed on its way");
    }

    public static byte[] Reject(NixlStatus status, string text)
    {
        var utf8 = Encoding.UTF8.GetBytes(text);
        var length = Math.Min(utf8.Length, 512);
        var body = new byte[4 + length];
        BinaryPrimitives.WriteInt32LittleEndian(body, (int)status);
        utf8.AsSpan(0, length).CopyTo(body.AsSpan(4));
        return body;
    }

    /// <summary>A peer's refusal. Its text is shown to a person, so control characters are taken out.</summary>
    public static (NixlStatus Status, string Text) ReadReject(ReadOnlySpan<byte> body)
    {
        if (body.Length < 4) throw new InvalidDataException("the refusal is too short");
        var status = (NixlStatus)BinaryPrimitives.ReadInt32LittleEndian(body);
        var text = Encoding.UTF8.GetString(body[4..]);
        return (status, string.Concat(text.Select(c => char.IsControl(c) ? ' ' : c)));
    }

    private static void Prove(ReadOnlyMemory<byte> key, string label, ReadOnlySpan<byte> clientNonce, ReadOnlySpan<byte> serverNonce,
        ReadOnlySpan<byte> data, Span<byte> proof)
    {
        proof = proof[..ProofBytes];
        if (key.IsEmpty)
        {
            proof.Clear();
            return;
        }
        using var mac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, key.Span);
        Span<byte> labelBytes = stackalloc byte[64];
        mac.AppendData(labelBytes[..Encoding.ASCII.GetBytes(label, labelBytes)]);
        mac.AppendData(clientNonce);
        mac.AppendData(serverNonce);
        mac.AppendData(data);
        mac.GetHashAndReset(proof);
    }

    private static bool Check(ReadOnlyMemory<byte> key, string label, ReadOnlySpan<byte> clientNonce, ReadOnlySpan<byte> serverNonce,
        ReadOnlySpan<byte> data, ReadOnlySpan<byte> proof)
    {
        Span<byte> expected = stackalloc byte[ProofBytes];
        Prove(key, label, clientNonce, serverNonce, data, expected);
        return CryptographicOperations.FixedTimeEquals(expected, proof);
    }
}
