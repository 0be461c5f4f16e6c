using Nixl.Sdk.Layouts.Tests.Layouts;
using Nixl.Sdk.Planning;
using Xunit;

namespace Nixl.Sdk.Layouts.Tests.Planning;

/// <summary>
/// Releases that run side by side compare these texts and hashes: a change here makes fleets refuse each other. If one fails, the new form
/// needs a new number in the first line, and the old one must still be read.
/// </summary>
public sealed class StableTextTests
{
    [Fact]
    public void The_text_is_the_documented_one()
    {
        var page = File.ReadAllText(Path.Combine(Root(), "docs/layouts.md")).ReplaceLineEndings("\n");
        var start = page.IndexOf(LayoutText.Header + "\n", StringComparison.Ordinal);
        Assert.Equal(page[start..page.IndexOf("```", start, StringComparison.Ordinal)], LlamaSplitNhd.CanonicalText);
    }

    [Fact]
    public void The_hashes_are_those_of_the_first_release()
    {
        Assert.Equal("80bb0336697d452d571e034533bef20199c4254dd52141085e377970633b7eec", LlamaSplitNhd.Fingerprint.Content.ToHex());
        Assert.Equal("135ffcebb7f777b3a47d1b0d2dbb1e7810ee2cf7edb88478661137dcf35cf6d1", LlamaSplitNhd.Fingerprint.Placement.ToHex());
        Assert.Equal("a264b8e3235555c22f8cfdce560a4dbdc9b1759f6515d8cb17375164133ede11", LlamaSplitNhd.Fingerprint.Whole.ToHex());
        Assert.Equal("aea4f72d2f40 5ae0d731fa96", string.Join(" ", LayoutFingerprint.OfComponents(LlamaSplitNhd.Schema.Groups[0])));
        Assert.Equal("9776e27a7278-e7f1b4e472e0", DeepSeekV32.Fingerprint.ToString());
        Assert.Equal("ec2d19d9ba44-330ca6ff0d57", LayoutFingerprint.Of(NemotronState.Schema, new KvParallel(4, 1, 2, 1)).ToString());
        Assert.Equal("5dee757b68cd-6f10ecd75717", HybridOverlay.Fingerprint.ToString());
    }

    private static string Root()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Sdk.sln")))
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("No folder above the tests has Sdk.sln.");
        return folder;
    }
}
