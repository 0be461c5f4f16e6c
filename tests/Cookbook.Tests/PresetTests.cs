using System.Reflection;
using Nixl.Sdk.Cookbook.Tests.Support;
using Nixl.Sdk.Planning;
using Xunit;

namespace Nixl.Sdk.Cookbook.Tests;

/// <summary>Where the page shows a layout written out and as a preset, both are the same: type <c>X</c> and type <c>XPreset</c>.</summary>
public sealed class PresetTests
{
    private const string Suffix = "Preset";

    private static readonly Type[] Presets = [.. typeof(PresetTests).Assembly.GetTypes()
        .Where(static type => type.GetCustomAttribute<KvPresetAttribute>() is not null && type.Name.EndsWith(Suffix, StringComparison.Ordinal))
        .OrderBy(static type => type.Name, StringComparer.Ordinal)];

    public static TheoryData<Type, Type> Pairs
    {
        get
        {
            var pairs = new TheoryData<Type, Type>();
            foreach (var preset in Presets)
                pairs.Add(preset, preset.Assembly.GetType(preset.FullName![..^Suffix.Length], throwOnError: true)!);
            return pairs;
        }
    }

    [Theory, MemberData(nameof(Pairs))]
    public void Preset_equals_the_layout_written_out(Type preset, Type written)
    {
        Assert.NotNull(written.GetCustomAttribute<KvLayoutAttribute>());
        Assert.Equal(Of<LayoutFingerprint>(written, "Fingerprint"), Of<LayoutFingerprint>(preset, "Fingerprint"));
        Assert.Equal(Of<KvSchema>(written, "Schema") with { Name = "" }, Of<KvSchema>(preset, "Schema") with { Name = "" });
    }

    [Fact]
    public void Every_engine_is_on_the_page()
    {
        var shown = Presets.Select(static preset => preset.GetCustomAttribute<KvPresetAttribute>()!.Engine).ToHashSet();
        Assert.All(Enum.GetValues<KvEngine>().Except([KvEngine.None]),
            engine => Assert.True(shown.Contains(engine) || CookbookPage.Text.Contains($"`{engine}`", StringComparison.Ordinal), $"{engine}"));
    }

    private static T Of<T>(Type layout, string member) => (T)layout.GetProperty(member, BindingFlags.Public | BindingFlags.Static)!.GetValue(null)!;
}
