namespace Nixl.Sdk;

/// <summary>A component of a layout type, as its properties give it: which group, which place, what it is made of.</summary>
/// <remarks>A handle of two numbers and a reference; copies are cheap and thread-safe.</remarks>
public readonly struct KvComponent : IEquatable<KvComponent>
{
    private readonly KvSchema? _schema;

    /// <summary>Names a component of a schema. Generated code calls this.</summary>
    /// <param name="schema">The layout.</param>
    /// <param name="groupIndex">The group's index.</param>
    /// <param name="index">The component's index within the group.</param>
    public KvComponent(KvSchema schema, int groupIndex, int index)
    {
        _schema = schema;
        GroupIndex = groupIndex;
        Index = index;
    }

    /// <summary>The layout that the component belongs to.</summary>
    /// <exception cref="InvalidOperationException">This is the default value.</exception>
    public KvSchema Layout => _schema ?? throw new InvalidOperationException("A default KvComponent belongs to no layout.");

    /// <summary>The index of its group in the layout.</summary>
    public int GroupIndex { get; }

    /// <summary>Its index in the group, which is its place in memory where components follow each other.</summary>
    public int Index { get; }

    /// <summary>What the layout declares about it.</summary>
    public KvComponentSchema Schema => Layout.Groups[GroupIndex].Components[Index];

    /// <summary>Its name.</summary>
    public string Name => Schema.Name;

    /// <summary>The type of one element.</summary>
    public ElementType Type => Schema.Type;

    /// <inheritdoc/>
    public bool Equals(KvComponent other) =>
        ReferenceEquals(_schema, other._schema) && GroupIndex == other.GroupIndex && Index == other.Index;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is KvComponent other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(_schema?.Name, GroupIndex, Index);

    /// <summary>Group and name.</summary>
    public override string ToString() => _schema is null ? "(none)" : Layout.Groups[GroupIndex].Name + "." + Name;

    /// <summary>Compares by layout and place.</summary>
    public static bool operator ==(KvComponent left, KvComponent right) => left.Equals(right);

    /// <summary>Compares by layout and place.</summary>
    public static bool operator !=(KvComponent left, KvComponent right) => !left.Equals(right);
}
