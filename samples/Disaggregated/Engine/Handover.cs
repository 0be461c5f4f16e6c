using System.Text.Json;
using System.Text.Json.Serialization;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>
/// The notification that ends a transfer: which request the blocks belong to, how many tokens of the prompt they hold, and the
/// answer's first token, which fell out of computing the prompt.
/// </summary>
internal sealed record Handover(string Request, int PromptTokens, int FirstToken)
{
    internal byte[] ToBytes() => JsonSerializer.SerializeToUtf8Bytes(this, HandoverJson.Default.Handover);

    /// <exception cref="InvalidDataException">The payload is no handover.</exception>
    internal static Handover Parse(ReadOnlySpan<byte> payload)
    {
        try
        {
            var handover = JsonSerializer.Deserialize(payload, HandoverJson.Default.Handover);
            if (handover is { Request.Length: > 0, PromptTokens: > 0, FirstToken: >= 0 }) return handover;
        }
        catch (JsonException)
        {
            // Falls through: said below.
        }
        throw new InvalidDataException($"A notification of {payload.Length} bytes is no handover.");
    }
}

[JsonSerializable(typeof(Handover))]
internal sealed partial class HandoverJson : JsonSerializerContext;
