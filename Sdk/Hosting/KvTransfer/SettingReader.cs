using System.Globalization;

namespace Nixl.Sdk.Hosting;

/// <summary>Takes values out of one object and remembers everything that is wrong with it. What nobody has taken is unknown.</summary>
internal sealed class SettingReader
{
    private readonly SettingNode _node;
    private readonly List<string> _problems;
    private readonly HashSet<string> _known;
    private readonly StringComparer _comparer;

    public SettingReader(SettingNode node, List<string> problems)
    {
        (_node, _problems) = (node, problems);
        _comparer = node.IgnoresCase ? StringComparer.OrdinalIgnoreCase : StringComparer.Ordinal;
        _known = new HashSet<string>(_comparer);
        if (node.Fault is { } fault) Problem(node.Path.Length > 0 ? node.Path : "kv-transfer-config", fault);
        else if (node.IsList || node is { Value: not null, Children.Count: 0 }) Problem(node.Path.Length > 0 ? node.Path : "kv-transfer-config", "must be an object with keys");
    }

    /// <summary>Null if it is not there.</summary>
    public SettingNode? Find(string key)
    {
        _known.Add(key);
        var found = _node.Children.Where(child => _comparer.Equals(child.Key, key)).Select(static child => child.Node).ToArray();
        if (found.Length > 1) Problem(_node.PathOf(key), $"stands there {found.Length} times; keep one");
        return found.FirstOrDefault();
    }

    /// <summary>A text; null if it is not there, null or of another kind.</summary>
    public string? Text(string key)
    {
        if (Find(key) is not { } node) return null;
        if (node.Children.Count == 0 && !node.IsList) return node.Value;
        Problem(node.Path, "must be a single value");
        return null;
    }

    /// <summary>One of some texts.</summary>
    public string? Choice(string key, params ReadOnlySpan<string> allowed)
    {
        if (Text(key) is not { } text) return null;
        if (allowed.Contains(text)) return text;
        Problem(_node.PathOf(key), $"'{text}' is not one of: {string.Join(", ", allowed!)}");
        return null;
    }

    /// <summary>True or false; null if it is not there or wrong.</summary>
    public bool? Flag(string key)
    {
        if (Text(key) is not { } text) return null;
        if (bool.TryParse(text, out var flag)) return flag;
        Problem(_node.PathOf(key), $"'{text}' is not true or false");
        return null;
    }

    /// <summary>A number in a range; null if it is not there or wrong.</summary>
    public double? Number(string key, double least, double most, bool whole)
    {
        if (Text(key) is not { } text) return null;
        if (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most && (!whole || number == Math.Floor(number))) return number;
        Problem(_node.PathOf(key), string.Create(CultureInfo.InvariantCulture, $"'{text}' is not {(whole ? "a whole number" : "a number")} from {least} to {most}"));
        return null;
    }

    public void Problem(string path, string what) => _problems.Add($"{path}: {what}.");

    public string PathOf(string key) => _node.PathOf(key);

    /// <summary>Whatever has not been asked for.</summary>
    public void RefuseTheRest()
    {
        if (_node.IsList) return;
        foreach (var (key, node) in _node.Children)
            if (!_known.Contains(key)) Problem(node.Path, $"is not a known key; known are {string.Join(", ", _known.Order(StringComparer.Ordinal))}");
    }
}
