using System.Text.Json.Serialization;

namespace Nixl.Sdk;

/// <summary>Reads the native library's description without reflection.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(AgentInfo))]
internal sealed partial class AgentInfoJson : JsonSerializerContext;
