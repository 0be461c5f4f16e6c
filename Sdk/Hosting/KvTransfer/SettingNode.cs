using System.Text.Json;
using Microsoft.Extensions.Configuration;

namespace Nixl.Sdk.Hosting;

/// <summary>
/// A setting and those below it, from JSON or from configuration, which knows texts only. Numbers and truth values of JSON are the text that
/// stands there; a list has its indices as keys.
/// </summary>
internal sealed class SettingNode(string path, string separator)
{
    private readonly List<(string Key, SettingNode Node)> _children = [];

    /// <summary>Where it stands, as the source writes paths; empty for the root of JSON.</summary>
    public string Path { get; } = path;

    /// <summary>The text; null if there is none, or JSON's null.</summary>
    public string? Value { get; private init; }

    /// <summary>Why it could not be read at all.</summary>
    public string? Fault { get; private init; }

    public bool IgnoresCase { get; private init; }

    /// <summary>A list; its children are in order.</summary>
    public bool IsList { get; private init; }

    /// <summary>In the order of the source; a key may come twice.</summary>
    public IReadOnlyList<(string Key, SettingNode Node)> Children => _children;

    /// <summary>Where a key below this one stands, or would.</summary>
    public string PathOf(string key) => Path.Length == 0 ? key : $"{Path}{separator}{key}";

    public static SettingNode Of(IConfigurationSection section)
    {
        var children = section.GetChildren().ToArray();
        if (children.Length == 0 && section.Value is { } text && text.TrimStart().StartsWith('{')) return Parse(text, section.Path, ".");
        var node = new SettingNode(section.Path, ":")
        {
            Value = section.Value,
            IgnoresCase = true,
            IsList = children.Length > 0 && Array.TrueForAll(children, static child => int.TryParse(child.Key, out _)),
        };
        foreach (var child in children) node._children.Add((child.Key, Of(child)));
        return node;
    }

    public static SettingNode Parse(string json, string path, string separator)
    {
        try
        {
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = 8 });
            return Of(document.RootElement, path, separator);
        }
        catch (JsonException error)
        {
            return new SettingNode(path, separator) { Fault = $"it is not JSON: {error.Message}" };
        }
    }

    private static SettingNode Of(JsonElement element, string path, string separator)
    {
        var node = new SettingNode(path, separator)
        {
            Value = element.ValueKind switch
            {
                JsonValueKind.String => element.GetString(),
                JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False => element.GetRawText(),
                _ => null,
            },
            IsList = element.ValueKind == JsonValueKind.Array,
        };
        if (element.ValueKind == JsonValueKind.Object)
            foreach (var property in element.EnumerateObject()) node._children.Add((property.Name, Of(property.Value, node.PathOf(property.Name), separator)));
        if (element.ValueKind == JsonValueKind.Array)
            foreach (var (index, item) in element.EnumerateArray().Index()) node._children.Add((index.ToString(null, null), Of(item, $"{path}[{index}]", separator)));
        return node;
    }
}
