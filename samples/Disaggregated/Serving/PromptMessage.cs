using System.Text.Json;
using System.Text.Json.Serialization;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>What a decode engine sends with its requests: the prompt to compute. The same bytes with every request of one prompt.</summary>
/// <param name="Engine">The decode engine.</param>
/// <param name="Pushes">Requests of this prompt in all: one for each pair of a decode rank and a prefill rank that has something for it.</param>
/// <param name="Prompt">The tokens.</param>
internal sealed record PromptMessage(string Engine, int Pushes, int[] Prompt)
{
    private const int MostPushes = 64;

    /// <summary>Under which name a router may have sent the prompt to the prefill engine already; empty: it has not.</summary>
    public string Ahead { get; set; } = "";

    internal byte[] ToBytes() => JsonSerializer.SerializeToUtf8Bytes(this, PayloadJson.Default.PromptMessage);

    /// <exception cref="InvalidDataException">The payload is none.</exception>
    internal static PromptMessage Parse(ReadOnlySpan<byte> payload) =>
        PayloadJson.Parse(payload, PayloadJson.Default.PromptMessage) is { Engine.Length: > 0, Pushes: > 0 and <= MostPushes, Prompt.Length: > 0, Ahead: not null } message
            ? message
            : throw new InvalidDataException($"A request's payload of {payload.Length} bytes holds no prompt.");
}

/// <summary>What a prefill engine tells with the end of a hand-over.</summary>
/// <param name="FirstToken">The answer's first token.</param>
/// <param name="QueuedMs">How long the prompt waited.</param>
/// <param name="PrefillMs">From its first step to the last.</param>
/// <param name="TransferMs">From the first byte's post to the last one's success.</param>
/// <param name="ExposedMs">Of it, what came after the last step's end.</param>
internal sealed record PromptComputed(int FirstToken, double QueuedMs, double PrefillMs, double TransferMs, double ExposedMs)
{
    private const double LongestMs = 86_400_000; // a day, as for a request

    /// <summary>Tokens that it has computed; the others were cached there.</summary>
    public int Computed { get; init; }

    /// <summary>How long anything was on its way; unlike <see cref="TransferMs"/> without the time in which the next layer was waited for.</summary>
    public double MovingMs { get; init; }

    /// <summary>When it had been asked, in milliseconds of Unix time by its own clock.</summary>
    public double? AskedAt { get; init; }

    internal byte[] ToBytes() => JsonSerializer.SerializeToUtf8Bytes(this, PayloadJson.Default.PromptComputed);

    /// <exception cref="InvalidDataException">The payload is none, or has times that nothing takes.</exception>
    internal static PromptComputed Parse(ReadOnlySpan<byte> payload) =>
        PayloadJson.Parse(payload, PayloadJson.Default.PromptComputed) is { FirstToken: >= 0 } message
        && message is { QueuedMs: <= LongestMs, PrefillMs: <= LongestMs, TransferMs: <= LongestMs, ExposedMs: <= LongestMs, MovingMs: <= LongestMs }
            ? message
            : throw new InvalidDataException($"The {payload.Length} bytes at the end of a hand-over hold no first token.");
}

[JsonSerializable(typeof(PromptMessage))]
[JsonSerializable(typeof(PromptComputed))]
internal sealed partial class PayloadJson : JsonSerializerContext
{
    /// <summary>Null for bytes that are none.</summary>
    internal static T? Parse<T>(ReadOnlySpan<byte> payload, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type)
        where T : class
    {
        try
        {
            return JsonSerializer.Deserialize(payload, type);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
