using System.Text.Json;
using System.Text.Json.Serialization;

namespace Nixl.Sdk.Samples.Speculative;

/// <summary>
/// What the draft engine and the verifier say to each other, in notifications:
/// <code>
/// draft → verifier   hello      my metadata
/// verifier → draft   begin      a sequence's tokens, and the blocks here that shall hold your cache of it
/// draft → verifier   proposal   candidates; came with the WRITE of the blocks whose keys and values are new
/// verifier → draft   verdict    so many are right, and the token after them
/// verifier → draft   end        of the sequence
/// draft → verifier   ended      I write no more into its blocks
/// </code>
/// </summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "kind")]
[JsonDerivedType(typeof(HelloMessage), "hello")]
[JsonDerivedType(typeof(BeginMessage), "begin")]
[JsonDerivedType(typeof(ProposalMessage), "proposal")]
[JsonDerivedType(typeof(VerdictMessage), "verdict")]
[JsonDerivedType(typeof(EndMessage), "end")]
[JsonDerivedType(typeof(EndedMessage), "ended")]
internal abstract record SpeculationMessage
{
    internal byte[] ToBytes() => JsonSerializer.SerializeToUtf8Bytes(this, SpeculationJson.Default.SpeculationMessage);

    /// <exception cref="InvalidDataException">The payload is no message.</exception>
    internal static SpeculationMessage Parse(ReadOnlySpan<byte> payload)
    {
        try
        {
            if (JsonSerializer.Deserialize(payload, SpeculationJson.Default.SpeculationMessage) is { } message) return message;
        }
        catch (Exception e) when (e is JsonException or NotSupportedException)
        {
            throw new InvalidDataException($"A notification of {payload.Length} bytes is no message: {e.Message}", e);
        }
        throw new InvalidDataException("A notification is null.");
    }
}

internal sealed record HelloMessage(byte[] Metadata) : SpeculationMessage;

/// <param name="Sequence">The sequence's number.</param>
/// <param name="Tokens">All that are known.</param>
/// <param name="K">Candidates that are wanted.</param>
/// <param name="Blocks">The verifier's blocks: position p goes to block Blocks[p / BlockTokens].</param>
/// <param name="Token">The permission to write them (<see cref="PostOptions.LeaseToken"/>).</param>
internal sealed record BeginMessage(int Sequence, int[] Tokens, int K, int[] Blocks, ulong Token) : SpeculationMessage;

/// <param name="Sequence">The sequence's number.</param>
/// <param name="Round">0 for the first.</param>
/// <param name="Tokens">The candidates for the positions after all that are known.</param>
/// <param name="Microseconds">What computing them took.</param>
internal sealed record ProposalMessage(int Sequence, int Round, int[] Tokens, double Microseconds) : SpeculationMessage;

/// <param name="Sequence">The sequence's number.</param>
/// <param name="Round">Which proposal is answered.</param>
/// <param name="Accepted">How many candidates are right.</param>
/// <param name="Token">The verifier's own token after those.</param>
/// <param name="K">Candidates that are wanted next.</param>
internal sealed record VerdictMessage(int Sequence, int Round, int Accepted, int Token, int K) : SpeculationMessage;

internal sealed record EndMessage(int Sequence) : SpeculationMessage;

internal sealed record EndedMessage(int Sequence) : SpeculationMessage;

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(SpeculationMessage))]
[JsonSerializable(typeof(DemoReport))]
internal sealed partial class SpeculationJson : JsonSerializerContext;
