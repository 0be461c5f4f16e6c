namespace Nixl.Sdk.Generators.ModelFiles;

/// <summary>A JSON value. Lives only while one file is read; the pipeline carries a <c>ModelConfig</c>.</summary>
/// <param name="kind">What it is.</param>
/// <param name="text">A text's characters, or a number as it is written.</param>
internal sealed class JsonValue(JsonKind kind, string text = "")
{
    public JsonKind Kind { get; } = kind;

    public string Text { get; } = text;

    /// <summary>The elements of an array.</summary>
    public List<JsonValue> Items { get; } = [];

    /// <summary>The members of an object; of two with one name the later counts, as in the programs that write these files.</summary>
    public Dictionary<string, JsonValue> Members { get; } = new(StringComparer.Ordinal);

    /// <summary>A member of an object, or null if it is missing or null.</summary>
    public JsonValue? this[string name] => Members.TryGetValue(name, out var value) && value.Kind != JsonKind.Null ? value : null;
}
