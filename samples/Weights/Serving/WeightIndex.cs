using System.Text.Json;
using System.Text.Json.Serialization;
using Nixl.Sdk.Samples.Model;

namespace Nixl.Sdk.Samples.Weights;

/// <summary>What a serving engine says about its weights: the model, and where each tensor lies in its memory.</summary>
/// <param name="Version">Of this form.</param>
/// <param name="Model">The model's name, for people.</param>
/// <param name="Config">The model's shape; compared field by field.</param>
/// <param name="Tensors">All tensors of the whole model.</param>
internal sealed record WeightIndex(int Version, string Model, LlamaConfig Config, IReadOnlyList<WeightEntry> Tensors)
{
    /// <summary>The version that is written and read here.</summary>
    internal const int CurrentVersion = 1;

    /// <summary>The element type of weights in memory, whatever the file had.</summary>
    internal const string ElementType = "F32";

    internal byte[] ToBytes() => JsonSerializer.SerializeToUtf8Bytes(this, WeightsJson.Default.WeightIndex);

    /// <exception cref="WeightsException">The bytes are no index of this version.</exception>
    internal static WeightIndex Parse(ReadOnlySpan<byte> bytes)
    {
        try
        {
            if (JsonSerializer.Deserialize(bytes, WeightsJson.Default.WeightIndex) is { Version: CurrentVersion, Config: not null, Tensors: not null } index
                && index.Tensors.All(tensor => tensor is { Name: not null, ElementType: not null, Shape: not null, Checksums: not null }))
                return index;
        }
        catch (JsonException e)
        {
            throw new WeightsException($"The peer's index of weights cannot be read: {e.Message}", e);
        }
        throw new WeightsException($"The peer's index of weights is incomplete or not of version {CurrentVersion}; run the same release on both sides.");
    }
}

/// <summary>One whole tensor [rows, columns] in the serving engine's memory.</summary>
/// <param name="Name">Its Hugging Face name.</param>
/// <param name="ElementType">The type of the elements in memory.</param>
/// <param name="Shape">Rows and columns; a vector is one row.</param>
/// <param name="Cut">How tensor parallelism cuts it.</param>
/// <param name="Address">Address of the first element, in the serving engine's address space.</param>
/// <param name="RowStride">Bytes from row to row.</param>
/// <param name="Checksums">XXH128 of each part, as <see cref="WeightChecksum"/> cuts them, in hexadecimal digits.</param>
internal sealed record WeightEntry(
    string Name, string ElementType, IReadOnlyList<int> Shape, WeightCut Cut, ulong Address, long RowStride, IReadOnlyList<string> Checksums);

/// <summary>What engines say to each other in notifications.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "kind")]
[JsonDerivedType(typeof(WeightsRequest), "weightsRequest")]
[JsonDerivedType(typeof(WeightsOffer), "weightsOffer")]
[JsonDerivedType(typeof(WeightsRefusal), "weightsRefusal")]
[JsonDerivedType(typeof(WeightsDone), "weightsDone")]
internal abstract record WeightsMessage
{
    internal byte[] ToBytes() => JsonSerializer.SerializeToUtf8Bytes(this, WeightsJson.Default.WeightsMessage);

    /// <summary>Null if the bytes are no message.</summary>
    internal static WeightsMessage? TryParse(ReadOnlySpan<byte> payload)
    {
        try
        {
            return JsonSerializer.Deserialize(payload, WeightsJson.Default.WeightsMessage);
        }
        catch (Exception e) when (e is JsonException or NotSupportedException)
        {
            return null;
        }
    }
}

/// <summary>New engine → serving engine: where is the index?</summary>
/// <param name="Metadata">The asking agent's metadata, so that it can be answered.</param>
internal sealed record WeightsRequest(byte[] Metadata) : WeightsMessage;

/// <summary>Serving engine → new engine: the index can be read there.</summary>
internal sealed record WeightsOffer(ulong Address, int Length, string Checksum) : WeightsMessage;

/// <summary>Serving engine → new engine: no weights, and why.</summary>
internal sealed record WeightsRefusal(string Reason) : WeightsMessage;

/// <summary>New engine → serving engine: I read no more.</summary>
/// <param name="Bytes">Bytes of weights that were read.</param>
/// <param name="Error">Why it gave up; null for a success.</param>
internal sealed record WeightsDone(long Bytes, string? Error) : WeightsMessage;

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true)]
[JsonSerializable(typeof(WeightIndex))]
[JsonSerializable(typeof(WeightsMessage))]
[JsonSerializable(typeof(PeerReady))]
[JsonSerializable(typeof(DemoReport))]
internal sealed partial class WeightsJson : JsonSerializerContext;
