using System.Globalization;
using Nixl.Sdk.Generators.Diagnostics;
using Nixl.Sdk.Generators.Model;
using Nixl.Sdk.Planning;
using static System.FormattableString;

namespace Nixl.Sdk.Generators.ModelFiles;

/// <summary>Reads the fields of one config.json by name and remembers the first that is missing or wrong.</summary>
/// <param name="root">The file's value.</param>
/// <param name="file">The file's name, for messages.</param>
internal sealed class ModelFields(JsonValue root, string file)
{
    public const string Full = "full_attention", Sliding = "sliding_attention";

    private const int MaxSize = 1 << 24;
    private const int MaxLayers = 4096;

    /// <summary>What is wrong with the file, or null.</summary>
    public ModelFailure? Failure { get; private set; }

    public void Fail(string message) => Failure ??= new ModelFailure(LayoutDiagnostics.ModelField, file + " " + message);

    public bool Has(string name) => root[name] is not null;

    /// <summary>A number that must be there; 0 after a failure.</summary>
    public int Number(string name, int least = 1)
    {
        if (root[name] is not null)
            return Optional(name, least);
        Fail("has no " + name);
        return 0;
    }

    /// <summary>A number, or 0 if it is missing or null.</summary>
    public int Optional(string name, int least = 1)
    {
        if (root[name] is not { } value)
            return 0;
        var most = name == "num_hidden_layers" ? MaxLayers : MaxSize;
        if (value.Kind == JsonKind.Number && int.TryParse(value.Text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) &&
            number >= least && number <= most)
        {
            return number;
        }
        Fail(Invariant($"has {name} = {Show(value)}; it must be a whole number from {least} to {most}"));
        return 0;
    }

    /// <summary>True if the field is there and true.</summary>
    public bool Flag(string name) => root[name]?.Kind == JsonKind.True;

    /// <summary>The texts of an array; empty if it is missing.</summary>
    public List<string> Texts(string name) =>
        root[name] is { Kind: JsonKind.Array } array ? array.Items.ConvertAll(Show) : [];

    /// <summary>The layers that <c>layer_types</c> says see a window only.</summary>
    public KvList<int> SlidingLayers(int layers)
    {
        var types = Texts("layer_types");
        if (types.Count != layers)
        {
            Fail(Invariant($"has {types.Count} layer_types for num_hidden_layers = {layers}; there must be one for each layer"));
            return KvList<int>.Empty;
        }
        var unknown = types.FindIndex(type => type is not (Full or Sliding));
        if (unknown < 0)
            return Layers(layers, layer => types[layer] == Sliding);
        Fail(Invariant($"has \"{types[unknown]}\" as layer_types[{unknown}]; {Full} and {Sliding} are known"));
        return KvList<int>.Empty;
    }

    /// <summary>The layers of 0 … <paramref name="count"/>-1 for which something is true.</summary>
    public static KvList<int> Layers(int count, Func<int, bool> isMember) => KvList.Create(Enumerable.Range(0, count).Where(isMember).ToArray());

    private static string Show(JsonValue value) => value.Kind switch
    {
        JsonKind.Text or JsonKind.Number => value.Text,
        JsonKind.Array => "an array",
        JsonKind.Object => "an object",
        _ => value.Kind.ToString().ToLowerInvariant(),
    };
}
